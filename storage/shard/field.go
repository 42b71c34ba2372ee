package shard

import (
	"bytes"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/storage/schema"
)

// field is one named vector of a shard: its rows by slot and, once there are
// enough of them, its graph.
type field struct {
	conf    schema.Vector
	number  uint16 // names the vector in the store's keys
	rows    *arena.Arena
	graph   atomic.Pointer[indexed]
	scratch []byte // a vector's stored form; the writer's own
	image   imaged
	filed   filed
	learned
}

// indexed is an index, most often a graph, and how far it reaches: every live
// slot below high is in.
type indexed struct {
	graph index.Dense
	standing
	high  atomic.Uint32
	pins  pins
	trees trees
	// goesBy is the code that searches go by, nil where by none. Guarded by Shard.build,
	// but for readers.
	goesBy atomic.Pointer[coding]
}

// standing is what is known of an index beside what is in it; a copy of the index
// takes it over whole. Guarded by Shard.build; made, loaded and vain never change once
// the index serves.
type standing struct {
	made     recipe
	saved    index.Slot    // high at the last checkpoint
	savedAt  time.Time     // of the last checkpoint, or the start
	saveTook time.Duration // by the last checkpoint
	mended   bool          // what was saved last may have slots that the index has not
	changed  bool          // since the last checkpoint, below high
	// loaded is what the checkpoint calls the code that it had; "" when it had none.
	// Until the settings are known nobody relies on it.
	loaded string
	coded  int // vectors when the code was chosen
	vain   int // vectors of which a training learned nothing; 0: none was in vain
}

// fieldState is one field in one published version.
type fieldState struct {
	*field
	settings     schema.HNSW
	kind         schema.Index        // which index is wanted
	quantization schema.Quantization // which code its searches are to go by
	has          *index.Set          // live slots that have this vector
	data         arena.Rows
}

func (s *Shard) newField(v *schema.Vector, number uint16) *field {
	return &field{conf: *v, number: number, filed: newFiled(), rows: arena.New(arena.Options{RowBytes: v.RowBytes(), File: s.rowsFile(v, number)})}
}

// write encodes a vector into its row, which is answered for the store; the slot
// is not published yet. Writer only.
func (f *field) write(s index.Slot, values []float32) (row []byte, err error) {
	if err := f.rows.Grow(int(s) + 1); err != nil {
		return nil, err
	}
	if err := f.sumRoom(int(s) + 1); err != nil {
		return nil, err
	}
	row = f.rows.Rows().Bytes(uint32(s))
	f.conf.Datatype.Encode(row, values)
	f.noteSum(s, row)
	return row, nil
}

// holds says whether a slot's row is what the vector would be stored as. Writer
// only.
func (f *field) holds(s index.Slot, values []float32) bool {
	f.scratch = slices.Grow(f.scratch[:0], f.conf.RowBytes())[:f.conf.RowBytes()]
	f.conf.Datatype.Encode(f.scratch, values)
	return bytes.Equal(f.scratch, f.rows.Rows().Bytes(uint32(s)))
}

// vector is a copy of a slot's vector.
func (f *fieldState) vector(s index.Slot) []float32 {
	values := make([]float32, f.conf.Size)
	f.conf.Datatype.Decode(values, f.data.Bytes(uint32(s)))
	return values
}

// wantsGraph says whether the field has enough vectors for a graph.
func (f *fieldState) wantsGraph(c *schema.Collection) bool {
	if !f.kind.Wanted(f.settings) {
		return false
	}
	least, ok := c.Optimizers.IndexingBytes()
	return ok && int64(f.has.Len())*int64(f.conf.RowBytes()) >= least
}

// serving is the index that searches may go by, pinned; nil for none: one that the
// settings do not ask for any more is about to go. Drop its pin.
func (f *fieldState) serving() *indexed {
	if !f.kind.Wanted(f.settings) {
		return nil
	}
	return f.pinGraph()
}

// tail counts the live vectors that should be in a graph and are not yet.
func (f *fieldState) tail(st *state) int {
	if !f.kind.Wanted(f.settings) {
		return 0
	}
	g := f.graph.Load()
	if g == nil {
		if f.wantsGraph(st.schema) {
			return f.has.Len()
		}
		return 0
	}
	n := f.has.Count(index.Slot(g.high.Load()), st.next)
	if st.late.Len() > 0 {
		n += st.late.And(f.has).Count(0, index.Slot(g.high.Load()))
	}
	return n
}

// pinGraph takes the current graph, nil when there is none. Drop its pin.
func (f *field) pinGraph() *indexed {
	for {
		g := f.graph.Load()
		if g == nil || g.pins.take() {
			return g
		}
	}
}

// swapGraph installs a graph; the old one is freed after its last reader.
func (f *field) swapGraph(g *indexed) {
	if old := f.graph.Swap(g); old != nil {
		old.pins.close(func() { old.graph.Close() })
	}
}

func (f *field) close() error {
	f.swapGraph(nil)
	rows := f.rows.Close
	if f.sealed() {
		rows = f.rows.Leave
	}
	return errors.Join(rows(), f.filed.sums.Close())
}

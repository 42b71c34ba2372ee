package shard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/schema"
)

// Open loads a shard that the store holds: ids and live set, vector rows,
// graphs from their checkpoints where these are intact. Payload indexes answer
// from their postings until these are loaded behind: call Published when the
// current cut has the rows, and not before, for whatever works behind reads them
// from it.
func Open(id schema.ShardID, row storage.ShardRow, o Options) (*Shard, error) {
	s := newShard(id, o)
	l := &loader{s: s, row: row, live: (*index.Set)(nil).Edit()}
	if err := l.load(); err != nil {
		s.pins.close(func() {})
		return nil, fmt.Errorf("shard %d: %w", id, err)
	}
	return s, nil
}

// loader brings one shard from the store into memory.
type loader struct {
	s      *Shard
	row    storage.ShardRow
	schema schema.Collection
	live   *index.Editor
	st     *state
}

func (l *loader) load() error {
	if err := json.Unmarshal(l.row.Schema, &l.schema); err != nil {
		return fmt.Errorf("%w: schema of the shard: %w", storage.ErrCorrupt, err)
	}
	if err := l.s.removeRowsFiles(); err != nil {
		return err
	}
	l.st = &state{schema: &l.schema, next: l.row.Next}
	if err := l.loadSlots(); err != nil {
		return err
	}
	for i := range l.schema.Vectors {
		if err := l.loadField(i); err != nil {
			return err
		}
	}
	if err := l.removeGraphs(); err != nil {
		return err
	}
	if err := l.loadIndexes(); err != nil {
		return err
	}
	l.collect()
	settle(l.st.schema, l.st.fields)
	l.s.current.Store(l.st)
	return nil
}

func (l *loader) loadSlots() error {
	var fault error
	err := l.s.o.Store.ScanSlots(l.s.id, 0, func(slot index.Slot, row storage.SlotRow) bool {
		l.live.Add(slot)
		fault = l.s.writer.ids.put(slot, row)
		return fault == nil
	})
	l.st.live = l.live.Done()
	l.st.ids = l.s.writer.ids.publish()
	if n := uint64(l.st.live.Len()); err == nil && fault == nil && n != l.row.Live {
		return fmt.Errorf("%w: the shard counts %d points and has %d", storage.ErrCorrupt, l.row.Live, n)
	}
	return errors.Join(err, fault)
}

// loadField reads one vector's rows. Rows of dead slots are wanted only where a
// loaded graph walks through them; all of them are remembered for the sweep.
func (l *loader) loadField(at int) error {
	number, ok := l.number(l.schema.Vectors[at].Name)
	if !ok {
		return fmt.Errorf("%w: vector %q has no number", storage.ErrCorrupt, l.schema.Vectors[at].Name)
	}
	f := l.s.newField(&l.schema.Vectors[at], number)
	fs := fieldState{field: f, settings: l.schema.HNSWFor(&l.schema.Vectors[at]), kind: l.schema.Vectors[at].Index.OrGraph()}
	l.s.loadGraph(&fs, l.st.next)
	graph := f.graph.Load()
	has := (*index.Set)(nil).Edit()
	var dead []index.Slot
	var fault error
	if l.st.next > 0 && l.st.live.Len() > 0 {
		fault = f.rows.Grow(int(l.st.next))
	}
	if fault == nil {
		data := f.rows.Rows()
		err := l.s.o.Store.ScanVectors(l.s.id, number, 0, func(slot index.Slot, raw []byte) bool {
			if len(raw) != f.conf.RowBytes() || slot >= l.st.next {
				fault = fmt.Errorf("%w: vector %q of slot %d has %d bytes", storage.ErrCorrupt, f.conf.Name, slot, len(raw))
				return false
			}
			alive := l.st.live.Contains(slot)
			if alive {
				has.Add(slot)
			} else {
				dead = append(dead, slot)
			}
			if alive || graph != nil && graph.graph.Contains(slot) {
				copy(data.Bytes(uint32(slot)), raw)
			}
			return true
		})
		fault = errors.Join(fault, err)
	}
	fs.has, fs.data = has.Done(), f.rows.Rows()
	l.s.keepGarbage(dead)
	l.st.fields = append(l.st.fields, fs)
	return fault
}

func (l *loader) number(name string) (uint16, bool) {
	for _, v := range l.row.Vectors {
		if v.Name == name {
			return v.Number, true
		}
	}
	return 0, false
}

// loadIndexes finds out which payload indexes there are and how far. Their rows
// answer until the optimizer has brought them into memory.
func (l *loader) loadIndexes() error {
	for _, ix := range l.row.Indexes {
		parsed, err := payload.ParseSchema(ix.Field, ix.Schema)
		if err != nil {
			return fmt.Errorf("%w: payload index %q: %w", storage.ErrCorrupt, ix.Field, err)
		}
		l.s.writer.payload.Restore(parsed)
		from, to := payload.StateRows(ix.Field)
		err = l.s.o.Store.ScanPostings(l.s.id, from, to, false, func(key []byte) bool {
			l.s.writer.payload.Put(bytes.Clone(key[:len(key)-4]), 0)
			return true
		})
		if err != nil {
			return err
		}
	}
	l.st.indexes = l.s.writer.payload.Publish()
	l.st.analyzers = analyzers(l.st.indexes)
	return nil
}

package replica

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// Entry is one committed log entry.
type Entry struct {
	Index uint64
	Data  []byte // op.Append's form; borrowed until Apply returns
}

// batchBytes ends a run: a larger batch would only sit in memory.
const batchBytes = 4 << 20

// Apply applies a run of entries in their order, in as few batches as their
// kinds allow. It answers one list of results per entry, one per operation; an
// entry that was applied before answers nil. A store that fails leaves no way
// to go on, so Apply panics then: the log still has the entries.
func (r *Replica) Apply(entries []Entry) [][]op.Result {
	r.apply.Lock()
	defer r.apply.Unlock()
	run := &run{r: r, touched: map[schema.ShardID]*shard.Shard{}}
	out := make([][]op.Result, len(entries))
	for i, e := range entries {
		if e.Index <= r.store.Applied() || e.Index <= run.last {
			continue
		}
		res, err := run.entry(e)
		if err == nil && run.size >= batchBytes {
			err = run.commit()
		}
		if err != nil {
			panic(fmt.Sprintf("FATAL: apply log entry %d: %v", e.Index, err))
		}
		out[i] = res
	}
	if err := run.commit(); err != nil {
		panic(fmt.Sprintf("FATAL: commit log entries up to %d: %v", run.last, err))
	}
	return out
}

// run is the batch under way.
type run struct {
	r       *Replica
	b       *storage.Batch
	touched map[schema.ShardID]*shard.Shard
	created []*shard.Shard
	dropped []*shard.Shard
	size    int
	last    uint64 // newest entry in the batch
}

// entry stages one entry. Its operations share a batch unless one must stand
// alone, as cluster proposes those: in an entry of their own.
func (n *run) entry(e Entry) ([]op.Result, error) {
	ops, err := op.Decode(e.Data)
	if err != nil {
		return nil, err
	}
	if len(ops) > 0 && shard.Alone(ops[0].Kind) {
		if err := n.commit(); err != nil {
			return nil, err
		}
	}
	results, ok := n.check(ops)
	if ok && severable(ops) {
		// All of an entry, or nothing: what came before must not go with it.
		if err := n.commit(); err != nil {
			return nil, err
		}
	}
	n.begin()
	n.last = e.Index
	n.size += len(e.Data)
	if !ok {
		return results, nil
	}
	for i := range ops {
		if results[i], err = n.stage(&ops[i], e.Index); err != nil {
			return nil, err
		}
		if results[i].Err != nil && severable(ops) {
			return results, n.discard()
		}
	}
	if len(ops) > 0 && shard.Alone(ops[0].Kind) {
		return results, n.commit()
	}
	return results, nil
}

// severable says whether an entry could be left half done: it has several
// operations, of which one may fail for what the others, or earlier entries,
// have left.
func severable(ops []op.Op) bool {
	if len(ops) < 2 {
		return false
	}
	for i := range ops {
		switch o := &ops[i]; o.Kind {
		case op.Upsert, op.Delete:
		case op.DeleteVectors:
			return true
		default:
			if o.IDs != nil || o.Points != nil {
				return true
			}
		}
	}
	return false
}

// check finds operations whose points no longer fit their shard, before
// anything of their entry is staged. A shard that is gone is for stage to tell.
func (n *run) check(ops []op.Op) (results []op.Result, ok bool) {
	results, ok = make([]op.Result, len(ops)), true
	for i := range ops {
		if s, there := n.find(ops[i].Shard); there && len(ops) > 1 {
			results[i].Err = s.Fits(&ops[i])
			ok = ok && results[i].Err == nil
		}
	}
	return results, ok
}

// discard drops the batch, which holds one entry alone. Its index still counts
// as applied.
func (n *run) discard() error {
	for _, s := range n.touched {
		if err := s.Discard(); err != nil {
			return err
		}
	}
	clear(n.touched)
	n.b.Close()
	n.b, n.size = nil, 0
	n.begin()
	return nil
}

func (n *run) begin() {
	if n.b == nil {
		n.b = n.r.store.NewBatch()
	}
}

func (n *run) stage(o *op.Op, index uint64) (op.Result, error) {
	s, ok := n.find(o.Shard)
	switch {
	case o.Kind == op.CreateShard && ok:
		return op.Result{}, nil // proposed twice after a crash between map and group
	case o.Kind == op.CreateShard:
		return op.Result{}, n.create(o)
	case !ok && o.Kind == op.DropShard:
		return op.Result{}, nil
	case !ok:
		return op.Result{Err: op.ErrNoShard}, nil
	case o.Kind == op.DropShard:
		n.dropped = append(n.dropped, s)
		return op.Result{}, n.b.DropShard(o.Shard)
	}
	n.touched[o.Shard] = s
	return s.Stage(n.b, o, index)
}

// find looks among the shards that are there and those this batch makes.
func (n *run) find(id schema.ShardID) (*shard.Shard, bool) {
	for _, s := range n.created {
		if s.ID() == id {
			return s, true
		}
	}
	for _, s := range n.dropped {
		if s.ID() == id {
			return nil, false
		}
	}
	return n.r.Shard(id)
}

func (n *run) create(o *op.Op) error {
	if o.Schema == nil {
		return errors.New("a shard without a schema")
	}
	copied, err := clone(o.Schema)
	if err != nil {
		return err
	}
	s, err := shard.Create(n.b, o.Shard, copied, n.r.shard)
	if err != nil {
		return err
	}
	n.created = append(n.created, s)
	n.touched[o.Shard] = s
	return nil
}

func clone(c *schema.Collection) (*schema.Collection, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	out := new(schema.Collection)
	return out, json.Unmarshal(text, out)
}

// commit puts the batch into the store and makes it visible in all of its
// shards at once.
func (n *run) commit() error {
	if n.b == nil {
		return nil
	}
	err := n.seal()
	if err == nil {
		err = n.b.Commit(n.last)
	}
	n.b.Close()
	n.b = nil
	if err != nil {
		return err
	}
	n.publish()
	for _, s := range n.created {
		n.r.put(s)
	}
	for _, s := range n.dropped {
		n.r.drop(s)
	}
	clear(n.touched)
	n.created, n.dropped, n.size = nil, nil, 0
	return nil
}

func (n *run) seal() error {
	for _, id := range sortedKeys(n.touched) {
		if s := n.touched[id]; s.Staged() {
			if err := s.Seal(n.b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *run) publish() {
	var staged []*shard.Shard
	var swaps []func()
	for _, id := range sortedKeys(n.touched) {
		if s := n.touched[id]; s.Staged() {
			staged = append(staged, s)
			swaps = append(swaps, s.Prepare())
		}
	}
	n.r.cuts.Swap(n.r.store.NewSnapshot(), func() {
		for _, swap := range swaps {
			swap()
		}
	})
	for _, s := range staged {
		s.Published()
	}
}

package recall

import (
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// stride: once there are enough, one query in so many is kept.
	stride = 16
	// recentBytes bounds the memory of the kept queries of one vector.
	recentBytes = 1 << 20
)

// Recent keeps some of the newest queries. Any number of goroutines; a search
// pays for a counter, and for a copy of its vector now and then. The zero value
// is empty.
type Recent struct {
	seen  atomic.Uint64
	fresh atomic.Int32 // kept since they were last taken

	mu struct {
		sync.Mutex
		kept []kept
	}
}

type kept struct {
	vector []float32
	fresh  bool
}

// Offer shows a query's vector, as prepared for the metric. It reports whether
// it was kept. An equal one that is kept already is not kept twice, so that a
// probe that asks the same forever does not stand for all queries.
func (r *Recent) Offer(vector []float32) bool {
	n := r.seen.Add(1)
	room := capacity(len(vector))
	if n > uint64(room) && n%stride != 0 {
		return false
	}
	if !r.mu.TryLock() { // another query is as good as this one
		return false
	}
	defer r.mu.Unlock()
	if slices.ContainsFunc(r.mu.kept, func(k kept) bool { return slices.Equal(k.vector, vector) }) {
		return false
	}
	r.fresh.Add(1)
	if len(r.mu.kept) < room {
		r.mu.kept = append(r.mu.kept, kept{slices.Clone(vector), true})
		return true
	}
	k := &r.mu.kept[n*0x9e3779b97f4a7c15>>33%uint64(len(r.mu.kept))] // any, the older the less likely still there
	if k.fresh {
		r.fresh.Add(-1)
	}
	k.vector, k.fresh = append(k.vector[:0], vector...), true
	return true
}

func capacity(dim int) int { return max(min(Window, recentBytes/(4*max(dim, 1))), 32) }

// Fresh reports whether there are queries that Take did not answer yet.
func (r *Recent) Fresh() bool { return r.fresh.Load() > 0 }

// Take is a copy of one query that was not taken before; nil when there is none.
func (r *Recent) Take() []float32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.mu.kept {
		if k := &r.mu.kept[i]; k.fresh {
			k.fresh = false
			r.fresh.Add(-1)
			return slices.Clone(k.vector)
		}
	}
	return nil
}

// All is a copy of every kept query, now taken.
func (r *Recent) All() [][]float32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([][]float32, len(r.mu.kept))
	for i := range r.mu.kept {
		out[i] = slices.Clone(r.mu.kept[i].vector)
		r.mu.kept[i].fresh = false
	}
	r.fresh.Store(0)
	return out
}

// Package index holds the words that every index of Kith speaks: slots, hits,
// metrics, sets of slots, and what a search asks and costs.
//
// It is a leaf: everything under index/ and storage/ may import it, and it
// imports nothing of ours.
package index

import (
	"cmp"
	"fmt"
)

// Slot is a shard's internal number of one stored version of a point's vectors.
// An upsert that changes vectors takes another slot and kills the old one, a
// payload change keeps the slot; a dead slot is taken anew once no index and no
// reader knows it.
type Slot uint32

// NoSlot is never the number of a stored version.
const NoSlot = ^Slot(0)

// Hit is one candidate of a search. Smaller Dist is nearer for every metric:
// Dot and Cosine carry the negated dot product, Euclid the squared distance,
// Manhattan the sum of absolute differences. Score turns it into what users see.
type Hit struct {
	Slot Slot
	Dist float32
}

// Nearer compares hits by their distances, equal ones by slot: below 0 if a comes
// first.
func Nearer(a, b Hit) int {
	return cmp.Or(cmp.Compare(a.Dist, b.Dist), cmp.Compare(a.Slot, b.Slot))
}

// Work is what a search cost. Tests assert on it instead of on time.
type Work struct {
	Distances int // distance computations
	Hops      int // graph nodes expanded
}

// Add sums two costs.
func (w Work) Add(o Work) Work {
	return Work{Distances: w.Distances + o.Distances, Hops: w.Hops + o.Hops}
}

// Query is one nearest-neighbour question to one index.
type Query struct {
	// Vector is prepared for the metric (normalised for Cosine). Borrowed until
	// Search returns.
	Vector []float32
	// K is how many hits are wanted, at least 1.
	K int
	// Ef is the breadth of the search (HNSW's ef); 0 takes the index's default.
	Ef int
	// Rescore is how many of the nearest by code are measured by their vectors; 0
	// takes the index's own choice, −1 answers the codes' estimates.
	Rescore int
	// NoCodes has the search go by the vectors alone.
	NoCodes bool
	// Accept is the exact set of slots that may be returned; nil accepts every
	// slot. It holds live slots only, so that no index needs to know of deletes.
	Accept *Set
	// Check is a dearer test, asked only of slots in Accept; nil accepts.
	Check func(Slot) bool
	// Share is about the share of the slots in Accept that pass Check, above 0 to
	// 1; 0: not known.
	Share float64
	// Unseen are slots that a walk goes on as if they were not in the index,
	// neither returned nor walked through: how a stored vector is asked for as if
	// it were new. The node that every walk begins at is met nevertheless, and what
	// finds slots one by one need not heed it: a caller passes over such hits.
	Unseen []Slot
	// Done ends the search early when it is closed: what was found so far is
	// answered, and the caller looks whether its time has passed. nil never ends.
	Done <-chan struct{}
}

// Ended reports whether the search is to stop.
func (q *Query) Ended() bool {
	select {
	case <-q.Done:
		return true
	default:
		return false
	}
}

// Metric says how near two vectors are.
type Metric uint8

// The metrics of the contract. The numbers are on disk: never renumber.
const (
	Cosine Metric = iota + 1
	Dot
	Euclid
	Manhattan
)

var metricNames = [...]string{Cosine: "Cosine", Dot: "Dot", Euclid: "Euclid", Manhattan: "Manhattan"}

// Valid reports whether m is one of the declared metrics.
func (m Metric) Valid() bool { return m >= Cosine && m <= Manhattan }

// String is the contract's name of the metric.
func (m Metric) String() string {
	if !m.Valid() {
		return fmt.Sprintf("Metric(%d)", uint8(m))
	}
	return metricNames[m]
}

// ParseMetric reads the contract's name of a metric.
func ParseMetric(s string) (Metric, error) {
	for m := Cosine; m <= Manhattan; m++ {
		if metricNames[m] == s {
			return m, nil
		}
	}
	return 0, fmt.Errorf("unknown distance %q: use Cosine, Dot, Euclid or Manhattan", s)
}

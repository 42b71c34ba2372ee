package index

import "io"

// Searcher answers nearest-neighbour questions: what a query needs of an index.
type Searcher interface {
	// Search appends to dst the q.K nearest slots that it finds, nearest first.
	// Any number of goroutines, also beside Insert and Repair.
	Search(q Query, dst []Hit) ([]Hit, Work)
	// Cost estimates what a search of breadth ef costs that may return a share
	// (0 to 1) of the slots, in rows that a sequential scan would compare in the
	// same time. The planner scans where that is cheaper.
	Cost(ef int, share float64) float64
	// Len is the number of slots in the index.
	Len() int
}

// Dense is an index over one named vector of a shard: what a graph, inverted
// lists and hash tables have in common. It knows slots only and reads their rows
// where the shard keeps them; what is alive is the caller's Accept set. Each
// package has a New, and a Load for what Save wrote.
//
// Concurrency: Insert and Search from any goroutine; Save and Repair not beside
// Insert. Lifetime: Close once no call is under way; the rows outlive it.
type Dense interface {
	Searcher
	// Insert adds a slot whose row is written; one that is there stays.
	Insert(s Slot) error
	// Contains reports whether a slot is in the index, be it live or not.
	Contains(s Slot) bool
	// Bytes is the memory beside the vectors.
	Bytes() int64
	// Repair takes the slots that are not live out, and answers how many. The
	// rows of these are not read any more once it returns. Where it is stopped
	// (ErrStopped) they are all in yet, and the next goes on with what is left.
	Repair(live *Set, p Pace) (removed int, err error)
	// Save writes the checkpoint.
	Save(w io.Writer, m Meta) error
	// Close frees the memory.
	Close() error
}

// Trained is a Dense that learns from vectors before it takes them.
type Trained interface {
	Dense
	// Train learns from the rows of live slots. It comes once, before the first
	// Insert. Stopped, it has learned nothing (ErrStopped).
	Train(live *Set, p Pace) error
	// Stale reports whether what was learned no longer fits what is there: an
	// index trained anew is then built beside this one. Any goroutine.
	Stale() bool
}

// Meta is what a checkpoint says beside the index.
type Meta struct {
	High    Slot   // every slot that was live below it is in the index
	Applied uint64 // log index of the store that the index agrees with
	Effort  int    // measured ef, 0 when not measured
	// Coding is what the caller calls the code that searches go by. An index that saves
	// no codes leaves it out.
	Coding string
}

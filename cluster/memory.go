package cluster

import (
	"fmt"
	"sync"
	"time"

	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// ErrMemory: what was asked for would bring the process too near to its memory
// limit. Reads, deletions and small writes go on.
var ErrMemory = shard.ErrMemory

// Memory is what the node's process has taken and may take, in bytes.
type Memory struct {
	Limit    int64 // 0: none
	Resident int64 // what the kernel cannot take back by dropping pages of files
}

// Memory reads the node's memory.
func (n *Node) Memory() Memory { return Memory{Limit: n.memory.limit, Resident: n.memory.read()} }

// How far each kind of work may fill the limit, in percent. Whoever takes most
// is stopped first, so that there is always room left for what mends it.
const (
	collectionPercent = 85 // new collections and recoveries: more is sure to follow
	tailPercent       = 90 // large writes, and builds of indexes
	smallPercent      = 95 // small writes
	// smallWrite is the bytes up to which a write is small.
	smallWrite = 64 << 10
	// readingAge is how long a reading of the process's memory is good for, and
	// readingBytes how much may be promised on it.
	readingAge   = 100 * time.Millisecond
	readingBytes = 16 << 20
)

// budget keeps the process within its memory. What was let in since the last
// reading counts as taken, so that many writers at once cannot pass on one
// reading. Safe from any goroutine.
type budget struct {
	limit int64 // 0: none
	read  func() int64

	mu       sync.Mutex
	at       time.Time
	taken    int64 // as read
	promised int64 // since
}

// newBudget: limit 0 takes what the machine or the control group allows,
// negative is none.
func newBudget(limit int64, read func() int64) *budget {
	if limit == 0 {
		limit = memoryLimit()
	}
	return &budget{limit: max(limit, 0), read: read}
}

// admit lets so many bytes in, up to a share of the limit, or says why not.
func (b *budget) admit(what string, bytes, percent int64) error {
	if b.limit == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promised+bytes > readingBytes || time.Since(b.at) > readingAge {
		b.taken, b.promised, b.at = b.read(), 0, time.Now()
	}
	most := b.limit / 100 * percent
	if b.taken+b.promised+bytes <= most {
		b.promised += bytes
		return nil
	}
	return fmt.Errorf("%w for %s: it takes about %s, %s are in use of the limit of %s, and %s of them are kept free of such work; delete points or collections, keep vectors on_disk, or raise --memory-limit",
		ErrMemory, what, mebibytes(bytes), mebibytes(b.taken+b.promised), mebibytes(b.limit), mebibytes(b.limit-most))
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }

// admitWrite lets a write in by what it will take: its rows, what an index will
// hold of them, and the entry on its way.
func (b *budget) admitWrite(c *schema.Collection, ops []op.Op, size int) error {
	if b.limit == 0 {
		return nil
	}
	bytes := int64(size) + footprint(c, ops)
	if bytes <= smallWrite {
		return b.admit("the write", bytes, smallPercent)
	}
	return b.admit("the write", bytes, tailPercent)
}

func footprint(c *schema.Collection, ops []op.Op) (bytes int64) {
	each := make(map[string]int64, len(c.Vectors))
	for i := range c.Vectors {
		f := c.Footprint(&c.Vectors[i])
		each[c.Vectors[i].Name] = f.Row + f.Index
	}
	for i := range ops {
		for j := range ops[i].Points {
			for _, v := range ops[i].Points[j].Vectors {
				bytes += each[v.Name]
			}
		}
	}
	return bytes
}

// admitBuild lets background work in.
func (b *budget) admitBuild(bytes int64) error {
	return b.admit("an index build", bytes, tailPercent)
}

// admitCollection lets a new collection in.
func (b *budget) admitCollection() error {
	return b.admit("a new collection", 1<<20, collectionPercent)
}

package storage

import (
	"cmp"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// leastCacheBytes is what a cache that nobody set has for blocks at least, and
	// mostCacheBytes at most where no bound is given.
	leastCacheBytes = 2 << 20
	mostCacheBytes  = 256 << 20
	// cacheShare: a cache that nobody set is so many times smaller than the stores.
	// A write asks for each point whether it is there, and what answers that, the
	// tables' Bloom filters (10 bits a row) and indexes, takes about 1 % of a store:
	// while these do not fit, every question reads a filter whole from its file.
	cacheShare = 64
	// cacheLook is after how many commits a store's size is looked at again.
	cacheLook = 64
	// openFiles bounds the file descriptors of all stores that share a Cache.
	openFiles = 512
)

// Cache is the memory for blocks, and the open files, that stores share.
// Close it after the stores that use it. Safe for concurrent use.
type Cache struct {
	blocks *pebble.Cache
	files  *pebble.FileCache
	o      CacheOptions

	mu      sync.Mutex
	sizes   map[*Store]int64 // bytes on disk
	now     int64            // bytes for blocks
	release func()           // gives back what lies between now and o.Most
}

// CacheOptions shapes a Cache. The zero value is fine.
type CacheOptions struct {
	Bytes         int64 // for blocks; 0: as the stores need, from 2 MiB to Most
	Most          int64 // 0: 256 MiB
	Stores        int   // how many will use it; 0: 1
	MemTableBytes int64 // of each store, as in Options
}

// NewCache makes a cache. Pebble counts memtables against it (they take their own
// memory all the same): without room for the one in use and the one that is kept
// for its turn, a small cache would hold nothing at all.
func NewCache(o CacheOptions) *Cache {
	o.Stores, o.MemTableBytes = cmp.Or(o.Stores, 1), cmp.Or(max(o.MemTableBytes, 0), DefaultMemTableBytes)
	if o.Most = max(cmp.Or(o.Most, mostCacheBytes), leastCacheBytes); o.Bytes > 0 {
		o.Most = o.Bytes
	}
	c := &Cache{o: o, sizes: map[*Store]int64{}, release: func() {}}
	c.blocks = pebble.NewCache(o.Most + 2*int64(o.Stores)*o.MemTableBytes)
	c.files = pebble.NewFileCache(2, openFiles)
	c.now = o.Most
	c.fit()
	return c
}

// Bytes is what blocks may take now.
func (c *Cache) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// sized notes what a store has on disk; 0 when it closes.
func (c *Cache) sized(s *Store, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sizes[s] = bytes
	if bytes == 0 {
		delete(c.sizes, s)
	}
	c.fit()
}

// fit gives the cache the size that the stores need; small changes are not worth
// what is evicted for them. mu is held, or nobody knows of c.
func (c *Cache) fit() {
	if c.o.Bytes > 0 {
		return
	}
	want := int64(0)
	for _, bytes := range c.sizes {
		want += bytes / cacheShare
	}
	want = min(max(want, leastCacheBytes), c.o.Most)
	if d := want - c.now; d == 0 || max(d, -d) < c.now/8 && want != c.o.Most {
		return
	}
	c.release()
	c.release, c.now = c.blocks.Reserve(int(c.o.Most-want)), want
}

// Close lets go of the cache; a nil Cache is fine.
func (c *Cache) Close() {
	if c == nil {
		return
	}
	c.files.Unref()
	c.blocks.Unref()
}

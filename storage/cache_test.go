package storage

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/kithdb/kith/storage/point"
)

// A cache that nobody set follows the stores, within its bounds; one that was set
// stays.
func TestTheCacheFollowsTheStores(t *testing.T) {
	c := NewCache(CacheOptions{Most: 64 << 20, Stores: 2})
	defer c.Close()
	a, b := new(Store), new(Store)
	for _, step := range []struct {
		store *Store
		bytes int64
		want  int64
	}{
		{a, 1 << 20, leastCacheBytes}, {a, 1 << 30, 16 << 20}, {b, 1 << 30, 32 << 20}, {b, 1<<30 + 1<<27, 32 << 20},
		{b, 1 << 40, 64 << 20}, {b, 0, 16 << 20}, {a, 0, leastCacheBytes},
	} {
		if c.sized(step.store, step.bytes); c.Bytes() != step.want {
			t.Errorf("a store of %d bytes: the cache has %d, want %d", step.bytes, c.Bytes(), step.want)
		}
	}
	set := NewCache(CacheOptions{Bytes: 5 << 20})
	defer set.Close()
	if set.sized(a, 1<<40); set.Bytes() != 5<<20 {
		t.Errorf("a cache that was set has %d bytes", set.Bytes())
	}
}

// A store tells the cache of itself while it is written, and when it closes.
func TestAStoreTellsItsSize(t *testing.T) {
	c := NewCache(CacheOptions{})
	defer c.Close()
	s := mustOpen(t, "db", Options{FS: vfs.NewMem(), Cache: c})
	size := func() int64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.sizes[s]
	}
	first := size()
	for i := range uint64(2 * cacheLook) {
		b := s.NewBatch()
		must(t, b.PutPoint(1, point.Number(i), PointRow{Payload: make([]byte, 1000)}), b.Commit(i+1), b.Close())
		if i == cacheLook {
			must(t, s.Flush())
		}
	}
	if grown := size(); first == 0 || grown <= first {
		t.Errorf("the cache knows of %d bytes, and of %d before anything was written", grown, first)
	}
	must(t, s.Close())
	if size() != 0 {
		t.Error("the cache knows of a store that is closed")
	}
}

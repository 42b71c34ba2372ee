package storage

import (
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// DefaultCacheBytes is the size of a block cache that nobody set.
	DefaultCacheBytes = 2 << 20
	// DefaultMemTableBytes is the size of one memtable; at most memTables are in memory.
	DefaultMemTableBytes = 3 << 20
	// memTables is how many memtables may wait for their flush before writes do.
	memTables = 4
	// openFiles bounds the file descriptors of all stores that share a Cache.
	openFiles = 512
)

// FS is the file system that a store lives on; tests bring one in memory.
type FS = vfs.FS

// Options is how a store runs. The zero value is fine.
type Options struct {
	// Cache is shared by stores; nil makes one of DefaultCacheBytes.
	Cache *Cache
	// MemTableBytes is the size of one memtable, of which at most memTables are
	// in memory; 0 takes DefaultMemTableBytes.
	MemTableBytes int64
	// Logger gets flushes, compactions and faults; nil discards them.
	Logger *slog.Logger
	// FS is the file system; nil takes the operating system's.
	FS FS

	// fatal takes the place of a panic in crash tests.
	fatal func(string)
}

func (o Options) withDefaults() Options {
	if o.MemTableBytes <= 0 {
		o.MemTableBytes = DefaultMemTableBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	return o
}

// Cache is the memory for blocks, and the open files, that stores share.
// Close it after the stores that use it.
type Cache struct {
	blocks *pebble.Cache
	files  *pebble.FileCache
}

// NewCache makes a cache of so many bytes of blocks for a number of stores.
// Pebble counts memtables against the cache (they take their own memory all the
// same): without room for the one in use and the one that is kept for its turn, a
// small cache would hold nothing at all.
func NewCache(bytes int64, stores int, memTableBytes int64) *Cache {
	if memTableBytes <= 0 {
		memTableBytes = DefaultMemTableBytes
	}
	return &Cache{blocks: pebble.NewCache(bytes + 2*int64(stores)*memTableBytes), files: pebble.NewFileCache(2, openFiles)}
}

// Close lets go of the cache; a nil Cache is fine.
func (c *Cache) Close() {
	if c == nil {
		return
	}
	c.files.Unref()
	c.blocks.Unref()
}

func (o *Options) pebble(dir string, lock *pebble.Lock, h *health) *pebble.Options {
	p := &pebble.Options{
		Cache:                       o.Cache.blocks,
		FileCache:                   o.Cache.files,
		FS:                          &guardedFS{FS: o.FS, dir: dir, health: h},
		Lock:                        lock,
		Logger:                      h,
		EventListener:               h.listener(),
		FormatMajorVersion:          pebble.FormatValueSeparation,
		DisableWAL:                  true,
		MemTableSize:                uint64(o.MemTableBytes),
		MemTableStopWritesThreshold: memTables,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               64 << 20,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	p.TargetFileSizes[0] = 4 << 20
	for i := range p.Levels {
		p.Levels[i] = pebble.LevelOptions{
			BlockSize:    4 << 10,
			FilterPolicy: bloom.FilterPolicy(10),
			Compression:  func() *sstable.CompressionProfile { return sstable.SnappyCompression },
		}
	}
	return p
}

package storage

import (
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// DefaultMemTableBytes is the size of one memtable; at most memTables are in memory.
	DefaultMemTableBytes = 3 << 20
	// memTables is how many memtables may wait for their flush before writes do.
	memTables = 4
)

// FS is the file system that a store lives on; tests bring one in memory.
type FS = vfs.FS

// Options is how a store runs. The zero value is fine.
type Options struct {
	// Cache is shared by stores; nil makes one.
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

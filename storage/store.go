// Package storage keeps the rows of one replica group in one Pebble store,
// behind words of ours: points, slots, vectors, postings and shards.
//
// Who calls: storage/replica opens it, writes batches and flushes it;
// storage/shard reads and stages rows. What it calls: Pebble, and nothing else
// knows Pebble. It never interprets a payload or a schema, and never decides
// when to write.
//
// # Durability
//
// Pebble's own write-ahead log is off: the raft log is the write-ahead log.
// A batch carries the raft index that it brings the store to, so:
//
//	I1. What Applied returns after an open is the index of the newest batch in
//	    the store, and every batch up to it is wholly there, none after it.
//	    (Memtables are flushed in order, and one flush is one atomic edit of
//	    the MANIFEST; crash_test.go holds this.)
//	I2. Once Flush has returned nil, an open returns at least the Applied that
//	    was current when Flush was called. Only then may the raft log be cut.
//
// # Keys
//
//	01                                        store space
//	01 'a'                                    applied raft index, 8 bytes LE
//	02 shard(4 BE) kind(1) …                  everything of one shard
//	02 shard 01                               shard row
//	02 shard 02 id(17)                        point row: slot, version, payload
//	02 shard 03 slot(4 BE)                    id(17) of a live slot
//	02 shard 04 vector(2 BE) slot(4 BE)       vector, float32 LE
//	02 shard 05 row(…) slot(4 BE)             posting of a payload index, no value
//
// So a shard is dropped by one range delete, and the rows of one vector are
// contiguous and arrive in rising order.
package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// Store is the rows of one replica group.
//
// Concurrency: reads and snapshots from any goroutine; batches are committed by
// one goroutine at a time (a second one waits).
// Lifetime: Close it once, after every Snapshot is closed; nothing may be
// called after.
type Store struct {
	Reader
	db      *pebble.DB
	dir     string
	o       Options
	lock    *pebble.Lock
	own     *Cache // nil when the cache is shared
	health  *health
	applied atomic.Uint64

	commit sync.Mutex // held by the one batch that goes in
	flush  struct {
		sync.Mutex
		clean uint64 // writes when everything was last flushed
	}
	writes atomic.Uint64 // batches committed since the open
}

// Open opens the store in dir, or creates it when dir is missing or empty.
// A directory of another format gives ErrFormat, one that another process (or
// this one) has open ErrLocked, damaged files ErrCorrupt.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := o.FS.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create the store's directory: %w", err)
	}
	lock, err := lockDir(o.FS, dir)
	if err != nil {
		return nil, err
	}
	s, err := open(dir, o, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

func open(dir string, o Options, lock *pebble.Lock) (*Store, error) {
	if err := prepareDir(o.FS, dir); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, o: o, lock: lock, health: newHealth(o.Logger, o.fatal)}
	if o.Cache == nil {
		s.own = NewCache(CacheOptions{MemTableBytes: s.o.MemTableBytes})
		s.o.Cache = s.own
	}
	po, compactions := s.o.pebble(dir, lock, s.health), newCompactions()
	po.Experimental.CompactionScheduler = compactions
	db, err := openPebble(dir, po)
	if err != nil {
		s.own.Close()
		return nil, classifyOpen(dir, err)
	}
	compactions.start()
	s.db = db
	s.Reader = Reader{r: db, health: s.health}
	if err := s.loadApplied(); err != nil {
		err = errors.Join(err, db.Close())
		s.own.Close()
		return nil, err
	}
	s.measure()
	return s, nil
}

// measure tells the cache how large the store is.
func (s *Store) measure() { s.o.Cache.sized(s, max(int64(s.db.Metrics().DiskSpaceUsage()), 1)) }

// openPebble makes an error of the panic with which Pebble answers a failed sync
// of a directory: at an open nothing is lost by refusing.
func openPebble(dir string, o *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case runtime.Error:
			panic(r)
		default:
			db, err = nil, fmt.Errorf("%v", r)
		}
	}()
	return pebble.Open(dir, o)
}

func (s *Store) loadApplied() error {
	value, closer, err := s.db.Get(appliedKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return s.health.classify("read the applied index", err)
	}
	defer closer.Close()
	if len(value) != 8 {
		return corrupt(appliedKey, "the applied index has %d bytes, not 8", len(value))
	}
	s.applied.Store(binary.LittleEndian.Uint64(value))
	return nil
}

// Applied is the raft index of the newest batch in the store, 0 when there is
// none. What is durable of it is known only after Flush.
func (s *Store) Applied() uint64 { return s.applied.Load() }

// Err is the fault of the last background flush or compaction, nil once it has
// been made good. While a flush fails, Pebble tries again and again, reads go
// on, and Commit waits when memory for writes runs out; so refuse new writes.
func (s *Store) Err() error { return s.health.err() }

// FlushFault is the fault of the last flush alone, nil once one has succeeded:
// while it stands, what is committed takes memory that nothing gives back.
func (s *Store) FlushFault() error { return s.health.flushFault() }

// NewSnapshot is the store as it is now. Close it once.
func (s *Store) NewSnapshot() *Snapshot {
	snap := s.db.NewSnapshot()
	return &Snapshot{Reader: Reader{r: snap, health: s.health}, snap: snap}
}

// Flush makes every committed batch durable. It returns the disk's error
// rather than wait for Pebble's next try. While that stands, it asks for nothing:
// each time it would leave one more memtable behind, and once there are too many
// Pebble waits for the disk, with every Commit and Close behind it.
func (s *Store) Flush() error {
	s.flush.Lock()
	defer s.flush.Unlock()
	writes := s.writes.Load()
	if writes == s.flush.clean {
		return nil
	}
	if err := s.health.flushFault(); err != nil {
		return fmt.Errorf("flush the store: %w", err)
	}
	failed := s.health.watch()
	done, err := s.db.AsyncFlush()
	if err != nil {
		return s.health.classify("flush", err)
	}
	select {
	case <-done:
		s.flush.clean = writes
		return nil
	case <-failed.done:
		return fmt.Errorf("flush the store: %w", failed.err)
	}
}

// Checkpoint flushes and then makes a copy of the store in dir, which must not
// exist; unchanged files are hard links. The copy opens as a store of its own.
func (s *Store) Checkpoint(dir string) error {
	if err := s.Flush(); err != nil {
		return err
	}
	if err := s.db.Checkpoint(dir); err != nil {
		return s.health.classify("checkpoint to "+dir, err)
	}
	return writeFormat(s.o.FS, dir)
}

// Close flushes and lets go of the directory. It reports snapshots that are
// still open.
func (s *Store) Close() error {
	err := s.Flush()
	if e := s.db.Close(); e != nil {
		err = errors.Join(err, fmt.Errorf("close the store: %w", e))
	}
	s.o.Cache.sized(s, 0)
	s.own.Close()
	return errors.Join(err, s.lock.Close())
}

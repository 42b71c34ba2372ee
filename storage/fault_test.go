package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// failing injects a fault into the file operations from the at-th on, so many
// of them.
type failing struct {
	at, many int64
	seen     atomic.Int64
	hits     atomic.Int64
	off      atomic.Bool
}

func (f *failing) String() string { return "failing" }

// MaybeError is errorfs's question before each operation.
func (f *failing) MaybeError(op errorfs.Op) error {
	n := f.seen.Add(1) - 1
	if f.off.Load() || n < f.at || n >= f.at+f.many || op.Kind == errorfs.OpFileClose {
		return nil
	}
	f.hits.Add(1)
	return errorfs.ErrInjected
}

// TestFaults fails the i-th file operation, for many i, of a life that opens,
// commits, flushes, reopens and reads; then the same with every operation from
// the i-th on. A call may fail; none may give a wrong answer; and after a crash
// the store opens, on a good disk, to a state that it once had, nothing flushed
// missing.
func TestFaults(t *testing.T) {
	cache := NewCache(CacheOptions{Bytes: 1 << 20})
	for _, mode := range []struct {
		name string
		many int64
	}{{"one", 1}, {"from there on", 1 << 62}} {
		t.Run(mode.name, func(t *testing.T) {
			failed := 0
			for i := int64(0); ; i += 1 + i/64 { // all of the open, then fewer and fewer
				f := &failing{at: i, many: mode.many}
				life := newFaultyLife(f, cache)
				err := life.run()
				if err != nil {
					failed++
				}
				if err := life.aftermath(); err != nil {
					t.Fatalf("operation %d fails (%v): %v", i, err, err)
				}
				if err != nil && f.hits.Load() == 0 {
					t.Fatalf("operation %d: no fault was injected, but: %v", i, err)
				}
				if f.hits.Load() == 0 {
					t.Logf("%d operations; %d lives saw an error", i, failed)
					return
				}
			}
		})
	}
}

// faultyLife is one run over a disk that fails.
type faultyLife struct {
	disk    *vfs.MemFS
	o       Options
	m       *model
	durable uint64
	fatal   chan string
}

func newFaultyLife(f *failing, cache *Cache) *faultyLife {
	l := &faultyLife{disk: vfs.NewCrashableMem(), fatal: make(chan string, 16)}
	l.m = newModel(rand.New(rand.NewPCG(1, 2)))
	l.o = Options{FS: errorfs.Wrap(l.disk, f), Cache: cache, MemTableBytes: 256 << 10}
	l.o.fatal = func(msg string) {
		l.fatal <- msg
		runtime.Goexit() // the process would end here: nothing of it may go on
	}
	return l
}

// run lives until the end, an error, or the moment the process would have died.
func (l *faultyLife) run() error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("ended by a fatal fault")
		defer func() { done <- err }()
		err = l.live()
	}()
	select {
	case err := <-done:
		return err
	case msg := <-l.fatal:
		return errors.New(msg)
	}
}

func (l *faultyLife) live() error {
	for range 3 {
		s, err := Open("db", l.o)
		if err != nil {
			return err
		}
		if s.Applied() < l.durable {
			return fmt.Errorf("wrong: opened at %d, %d was durable", s.Applied(), l.durable)
		}
		l.m.rewind(s.Applied())
		if err := errors.Join(l.use(s), s.Close()); err != nil {
			return err
		}
		l.durable = l.m.applied
	}
	return nil
}

func (l *faultyLife) use(s *Store) error {
	for range 6 {
		if err := l.m.write(s); err != nil {
			return err
		}
	}
	if err := s.Flush(); err != nil {
		return err
	}
	l.durable = l.m.applied
	if err := l.m.verify(s); err != nil {
		return err
	}
	return l.m.write(s)
}

// aftermath crashes and opens the store on a disk that works.
func (l *faultyLife) aftermath() error {
	disk := l.disk.CrashClone(vfs.CrashCloneCfg{})
	s, err := Open("db", Options{FS: disk, Cache: l.o.Cache})
	if err != nil {
		return fmt.Errorf("does not open after the crash: %w", err)
	}
	if s.Applied() < l.durable {
		return fmt.Errorf("at %d after the crash, %d was durable", s.Applied(), l.durable)
	}
	return errors.Join(l.m.verify(s), s.Close())
}

// fillable is a disk that has no room while full is set.
func fillable(full *atomic.Bool) vfs.FS {
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpFileWrite) {
			return syscall.ENOSPC
		}
		return nil
	}))
}

// TestFullDisk holds that a full disk is said, that reads go on, and that the
// store recovers by itself once there is room.
func TestFullDisk(t *testing.T) {
	var full atomic.Bool
	disk := fillable(&full)
	s := mustOpen(t, "db", Options{FS: disk})
	m := newModel(rand.New(rand.NewPCG(3, 4)))
	must(t, m.write(s), s.Flush(), m.write(s))
	full.Store(true)
	if err := s.Flush(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Flush on a full disk = %v", err)
	}
	if err := s.Err(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Err on a full disk = %v", err)
	}
	must(t, m.verify(s), m.write(s), m.verify(s))
	full.Store(false)
	for s.Flush() != nil { // a try that began while the disk was full may still fail
	}
	must(t, s.Err(), m.write(s), m.verify(s), s.Close())
	s = mustOpen(t, "db", Options{FS: disk})
	if s.Applied() != m.applied {
		t.Errorf("at %d after a reopen, want %d", s.Applied(), m.applied)
	}
	must(t, m.verify(s), s.Close())
}

// TestFullDiskLetsGo holds that a store whose disk stays full can be asked to flush
// again and again, and closes, which would wait for ever behind one memtable too
// many; what was committed since the last flush is lost to it, and to nobody else.
func TestFullDiskLetsGo(t *testing.T) {
	var full atomic.Bool
	disk := fillable(&full)
	s := mustOpen(t, "db", Options{FS: disk, MemTableBytes: 1 << 20})
	m := newModel(rand.New(rand.NewPCG(5, 6)))
	must(t, m.write(s), s.Flush())
	durable := m.applied
	full.Store(true)
	closed := make(chan error, 1)
	go func() {
		for range 200 {
			if err := m.write(s); err != nil {
				closed <- err
				return
			}
			if err := s.Flush(); !errors.Is(err, syscall.ENOSPC) {
				closed <- fmt.Errorf("Flush on a full disk = %w", err)
				return
			}
		}
		closed <- s.Close()
	}()
	select {
	case err := <-closed:
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Flush or Close waits for the disk")
	}
	full.Store(false)
	s = mustOpen(t, "db", Options{FS: disk})
	if s.Applied() < durable {
		t.Errorf("at %d after a reopen, %d was durable", s.Applied(), durable)
	}
	must(t, m.verify(s), s.Close())
}

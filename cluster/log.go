package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	files "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// diskLog is a group's log and vote on the disk, by hashicorp/raft-wal, with three
// faults minded that it leaves to others (0.4.0):
//
//   - After a failed sync nothing more is written: the kernel may have dropped the
//     pages, so that a second sync that succeeds proves nothing (Rebello et al.,
//     "Can Applications Recover from fsync Failures?", ATC 2020).
//   - An entry that the disk had no room for stays in its writer's memory, and a
//     segment that had no room is not asked for again: the log is read anew before
//     the next entry. What was refused is in it for nobody.
//   - A crash between a segment's last entry and the note that it is full leaves a
//     tail to which nothing can be added any more: settle finishes the note.
//
// Safe from any goroutine; raft stores entries from one.
type diskLog struct {
	dir     string
	segment int // bytes of a segment, which are taken from the disk at once
	logger  raftLog
	meta    *notes
	syncs   latency // of appending entries and syncing them
	fault   atomic.Pointer[error]

	mu    sync.RWMutex // held alone while wal is replaced
	wal   *wal.WAL
	stale bool // wal has in memory what is not on the disk; of who stores entries
}

// openLog opens the log in a folder, which it makes.
func openLog(dir string, segmentBytes int, logger raftLog) (*diskLog, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	l := &diskLog{dir: dir, segment: segmentBytes, logger: logger, meta: &notes{}}
	w, err := l.read()
	if err != nil {
		return nil, errors.Join(err, l.meta.Close())
	}
	l.wal = w
	return l, nil
}

// read opens what is on the disk.
func (l *diskLog) read() (*wal.WAL, error) {
	if err := l.settle(); err != nil {
		return nil, fmt.Errorf("log %s: %w", l.dir, err)
	}
	w, err := wal.Open(l.dir, wal.WithSegmentSize(l.segment), wal.WithLogger(l.logger), wal.WithMetaStore(l.meta))
	if err != nil {
		return nil, fmt.Errorf("log %s: %w", l.dir, err)
	}
	return w, nil
}

// Close lets go of the files.
func (l *diskLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.wal.Close(), l.meta.Close()) // the log does not close it
}

// failed is why nothing more is written, nil while all is well.
func (l *diskLog) failed() error {
	if p := l.fault.Load(); p != nil {
		return *p
	}
	return nil
}

// StoreLog implements raft.LogStore.
func (l *diskLog) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore. A full disk refuses the entries, and later
// ones are tried; any other fault is the last.
func (l *diskLog) StoreLogs(entries []*raft.Log) error {
	if err := l.failed(); err != nil {
		return err
	}
	start := time.Now()
	err := l.append(entries)
	l.syncs.observe(time.Since(start))
	if err != nil && !l.stale {
		why := fmt.Errorf("%w: %w", ErrFailed, err)
		l.fault.CompareAndSwap(nil, &why)
	}
	return err
}

// append stores entries durably. stale says afterwards whether it was the room that
// lacked.
func (l *diskLog) append(entries []*raft.Log) error {
	err := l.renew()
	if err == nil {
		err = l.store(entries)
	}
	if errors.Is(err, types.ErrSealed) { // the segment after this one could not be begun
		if err := l.meta.failed(); err != nil {
			return err
		}
		l.stale = true
		if err = l.renew(); err == nil {
			err = l.store(entries)
		}
	}
	l.stale = noRoom(err)
	return err
}

func (l *diskLog) store(entries []*raft.Log) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.wal.StoreLogs(entries)
}

// renew reads a stale log anew. On error it stays as it was, for readers.
func (l *diskLog) renew() error {
	if !l.stale {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh, err := l.read()
	if err != nil {
		return err
	}
	old := l.wal
	l.wal = fresh
	return old.Close()
}

// noRoom says whether an error means a full disk, and that nobody was promised
// anything: what a failed sync says of room is as unknown as any other.
func noRoom(err error) bool {
	var at *fs.PathError
	return errors.Is(err, syscall.ENOSPC) && !(errors.As(err, &at) && at.Op == "sync")
}

// notes are which segments there are, and raft's vote. Which segments is noted behind
// an append, by raft-wal, which keeps a failure to itself: here it is kept.
type notes struct {
	metadb.BoltMetaDB
	fault atomic.Pointer[error]
}

// CommitState implements types.MetaStore. Only a write that found no room may be done
// again; bbolt's syncs fail without a path.
func (n *notes) CommitState(s types.PersistentState) error {
	err := n.BoltMetaDB.CommitState(s)
	var at *fs.PathError
	if err != nil && !(noRoom(err) && errors.As(err, &at)) {
		n.fault.CompareAndSwap(nil, &err)
	}
	return err
}

// failed is why nothing may be noted any more, nil while all is well.
func (n *notes) failed() error {
	if p := n.fault.Load(); p != nil {
		return *p
	}
	return nil
}

// DeleteRange implements raft.LogStore.
func (l *diskLog) DeleteRange(first, last uint64) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.wal.DeleteRange(first, last)
}

// GetLog implements raft.LogStore.
func (l *diskLog) GetLog(index uint64, e *raft.Log) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.wal.GetLog(index, e)
}

// FirstIndex implements raft.LogStore.
func (l *diskLog) FirstIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.wal.FirstIndex()
}

// LastIndex implements raft.LogStore.
func (l *diskLog) LastIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.wal.LastIndex()
}

// IsMonotonic implements raft.MonotonicLogStore.
func (l *diskLog) IsMonotonic() bool { return true }

// Set implements raft.StableStore.
func (l *diskLog) Set(key, value []byte) error { return l.meta.SetStable(key, value) }

// Get implements raft.StableStore.
func (l *diskLog) Get(key []byte) ([]byte, error) { return l.meta.GetStable(key) }

// SetUint64 implements raft.StableStore.
func (l *diskLog) SetUint64(key []byte, value uint64) error {
	return l.meta.SetStable(key, binary.LittleEndian.AppendUint64(nil, value)) // as raft-wal has it
}

// GetUint64 implements raft.StableStore. What was never set is 0.
func (l *diskLog) GetUint64(key []byte) (uint64, error) {
	raw, err := l.meta.GetStable(key)
	if err != nil || len(raw) == 0 {
		return 0, err
	}
	if len(raw) != 8 {
		return 0, fmt.Errorf("log %s: %q has %d bytes, not 8", l.dir, key, len(raw))
	}
	return binary.LittleEndian.Uint64(raw), nil
}

// settle makes a tail that is full, and that nobody has noted as full, one that
// entries can follow.
func (l *diskLog) settle() error {
	state, err := l.meta.Load(l.dir)
	if err != nil || len(state.Segments) == 0 {
		return err
	}
	tail := &state.Segments[len(state.Segments)-1]
	if !tail.SealTime.IsZero() {
		return nil
	}
	filer := segment.NewFiler(l.dir, files.New())
	w, err := filer.RecoverTail(*tail)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the log makes it
	}
	if err != nil {
		return err
	}
	defer w.Close()
	full, at, err := w.Sealed()
	if err != nil || !full {
		return err
	}
	next := types.SegmentInfo{
		ID: state.NextSegmentID, SizeLimit: tail.SizeLimit, Codec: wal.CodecBinaryV1, CreateTime: time.Now(),
	}
	state.NextSegmentID++
	whole, err := indexed(filepath.Join(l.dir, segment.FileName(*tail)), at, max(w.LastIndex()+1, tail.BaseIndex)-tail.BaseIndex)
	switch {
	case err != nil:
		return err
	case whole:
		tail.SealTime, tail.MaxIndex, tail.IndexStart = time.Now(), w.LastIndex(), at
		next.BaseIndex = tail.MaxIndex + 1
	default: // its last entries were torn, and what is left is for a segment of its own
		next.BaseIndex = tail.MinIndex
		if err := rescue(filer, w, next); err != nil {
			return err
		}
		state.Segments = state.Segments[:len(state.Segments)-1]
	}
	next.MinIndex = next.BaseIndex
	state.Segments = append(state.Segments, next)
	l.logger.to.Warn("a segment of the log was full and not noted so; it is now", "dir", l.dir, "torn", !whole)
	return l.meta.CommitState(state)
}

// indexed says whether a segment's index is of so many entries: one that has more
// was written with entries that are not whole. at is behind its frame's head, whose
// last four bytes are the index's length; an entry takes four.
func indexed(file string, at, entries uint64) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var length [4]byte
	if _, err := f.ReadAt(length[:], int64(at)-4); err != nil {
		return false, err
	}
	return uint64(binary.LittleEndian.Uint32(length[:])) == 4*entries, nil
}

// rescue writes what a torn segment has left to another.
func rescue(filer *segment.Filer, from types.SegmentWriter, to types.SegmentInfo) error {
	if from.LastIndex() < to.BaseIndex {
		return nil // nothing: the log makes the file
	}
	if err := filer.Delete(to.BaseIndex, to.ID); err != nil && !errors.Is(err, os.ErrNotExist) { // of a try that was cut short
		return err
	}
	var entries []types.LogEntry
	for i := to.BaseIndex; i <= from.LastIndex(); i++ {
		e, err := from.GetLog(i)
		if err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		entries = append(entries, types.LogEntry{Index: i, Data: bytes.Clone(e.Bs)})
		e.Close()
	}
	w, err := filer.Create(to)
	if err != nil {
		return err
	}
	return errors.Join(w.Append(entries), w.Close())
}

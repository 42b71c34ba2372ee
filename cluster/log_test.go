package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// segmentBytes holds some six of the entries of mustStore.
const segmentBytes = 64 << 10

func mustOpenLog(t *testing.T, dir string) *diskLog {
	t.Helper()
	l, err := openLog(dir, segmentBytes, raftLog{slog.New(slog.DiscardHandler), "raft"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func entry(index uint64) *raft.Log {
	return &raft.Log{Index: index, Term: 1, Data: bytes.Repeat([]byte{byte(index)}, 10<<10)}
}

func mustStore(t *testing.T, l *diskLog, from, to uint64) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := l.StoreLog(entry(i)); err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
}

// mustHave looks for entries from one number to before another, and no more.
func mustHave(t *testing.T, l *diskLog, from, to uint64) {
	t.Helper()
	first, err := l.FirstIndex()
	last, err2 := l.LastIndex()
	if err := errors.Join(err, err2); err != nil || first != from || last != to-1 {
		t.Fatalf("the log has %d to %d, want %d to %d: %v", first, last, from, to-1, err)
	}
	for i := from; i < to; i++ {
		var e raft.Log
		if err := l.GetLog(i, &e); err != nil || !bytes.Equal(e.Data, entry(i).Data) {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
}

// forgetful is a log whose last segment is full, by the entry before next, and that
// was killed before that was noted: what a kill leaves that comes right after the
// last entry of a segment.
func forgetful(t *testing.T, cut uint64) (dir string, next uint64) {
	t.Helper()
	dir = t.TempDir()
	l := mustOpenLog(t, dir)
	noted := l.mustState(t)
	for next = 1; len(l.mustState(t).Segments) == len(noted.Segments); next++ {
		mustStore(t, l, next, next+1)
		for range 20 { // for the note, which comes behind
			if len(l.mustState(t).Segments) > len(noted.Segments) {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	now := l.mustState(t).Segments
	if cut > 0 {
		if err := l.DeleteRange(1, cut); err != nil {
			t.Fatal(err)
		}
		noted.Segments[0].MinIndex = cut + 1
	}
	forget(t, l, noted, now[1])
	return dir, now[0].MaxIndex + 1
}

// forget closes a log and takes its last segment out of what is noted.
func forget(t *testing.T, l *diskLog, noted types.PersistentState, last types.SegmentInfo) {
	t.Helper()
	err := l.Close() // it waits for the segment's file, which comes behind the note
	meta := &metadb.BoltMetaDB{}
	_, load := meta.Load(l.dir)
	err = errors.Join(err, load, meta.CommitState(noted), meta.Close(), os.Remove(filepath.Join(l.dir, segment.FileName(last))))
	if err != nil {
		t.Fatal(err)
	}
}

// mustGoOn opens a log of certain entries thrice, and adds to it each time.
func mustGoOn(t *testing.T, dir string, first, next uint64) {
	t.Helper()
	for range 3 {
		l := mustOpenLog(t, dir)
		mustHave(t, l, first, next)
		mustStore(t, l, next, next+20)
		next += 20
		mustHave(t, l, first, next)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func (l *diskLog) mustState(t *testing.T) types.PersistentState {
	t.Helper()
	s, err := l.meta.Load(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A kill between the last entry of a segment and the note that it is full leaves a
// log that has every entry, and takes more.
func TestALogGoesOnBehindASegmentThatNobodyNoted(t *testing.T) {
	for _, cut := range []uint64{0, 3} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			dir, next := forgetful(t, cut)
			mustGoOn(t, dir, cut+1, next)
		})
	}
}

// A power cut that tears the last write to a segment, which had its index too,
// leaves what was durable before, and a log that takes more. Wherever it tears.
func TestALogGoesOnBehindATornSegment(t *testing.T) {
	for _, cut := range []uint64{0, 3} {
		for _, torn := range []int64{1 << 10, 9 << 10, 10<<10 + 60} { // in the last entry, and in the index behind it
			t.Run(fmt.Sprintf("%d %d", cut, torn), func(t *testing.T) {
				dir, next := forgetful(t, cut)
				tail, err := filepath.Glob(filepath.Join(dir, "*.wal"))
				if err != nil || len(tail) != 1 {
					t.Fatal(tail, err)
				}
				tear(t, tail[0], next-1, torn)
				mustGoOn(t, dir, cut+1, next-1) // it was never acknowledged
			})
		}
	}
}

// Where nothing of a segment was durable, as it had one large entry, the log begins
// there again.
func TestALogGoesOnBehindASegmentOfOneTornEntry(t *testing.T) {
	for _, before := range []uint64{0, 1} { // segments that are whole
		t.Run(fmt.Sprint(before), func(t *testing.T) {
			dir := t.TempDir()
			l := mustOpenLog(t, dir)
			large := &raft.Log{Term: 1, Data: bytes.Repeat([]byte{0xee}, segmentBytes)}
			var noted types.PersistentState
			for i := range before + 1 {
				noted = l.mustState(t)
				large.Index = i + 1
				if err := l.StoreLog(large); err != nil {
					t.Fatal(err)
				}
				for end := time.Now().Add(10 * time.Second); len(l.mustState(t).Segments) == len(noted.Segments); {
					if time.Now().After(end) {
						t.Fatal("a segment that is full has no next")
					}
				}
			}
			now := l.mustState(t).Segments
			forget(t, l, noted, now[before+1])
			tear(t, filepath.Join(dir, segment.FileName(now[before])), 0xee, 5000)
			for range 2 {
				l = mustOpenLog(t, dir)
				last, err := l.LastIndex()
				if err != nil || last != before {
					t.Fatalf("the last entry is %d, want %d: %v", last, before, err)
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
			l = mustOpenLog(t, dir)
			defer l.Close()
			mustStore(t, l, before+1, 20)
			if last, err := l.LastIndex(); err != nil || last != 19 {
				t.Fatalf("the last entry is %d, want 19: %v", last, err)
			}
		})
	}
}

// tear spoils a few bytes, so many behind the beginning of an entry's data.
func tear(t *testing.T, file string, index uint64, behind int64) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(bytes.Index(raw, bytes.Repeat([]byte{byte(index)}, 1<<10)))
	if at < 0 {
		t.Fatalf("no entry %d in %s", index, file)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff, 0xff, 0xff, 0xff}, at+behind); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// What a full disk refuses is in the log for nobody, and what comes once there is
// room is taken, without a restart.
func TestALogGoesOnAfterAFullDisk(t *testing.T) {
	dir := smallDisk(t, 4<<20)
	l := mustOpenLog(t, filepath.Join(dir, "log"))
	defer func() { l.Close() }()
	next := uint64(1)
	for round := range 6 {
		room := fillUp(t, dir, int64(round)*20<<10)
		refused := 0
		for end := next + 200; next < end && refused < 3; {
			err := l.StoreLog(entry(next))
			if err == nil {
				next++
				continue
			}
			if refused++; !errors.Is(err, syscall.ENOSPC) || l.failed() != nil {
				t.Fatalf("on a full disk: %v, %v", err, l.failed())
			}
		}
		if refused == 0 {
			t.Fatal("the disk was never full")
		}
		mustHave(t, l, 1, next)
		if err := os.Remove(room); err != nil {
			t.Fatal(err)
		}
		mustStore(t, l, next, next+8)
		next += 8
		mustHave(t, l, 1, next)
		if round%2 == 1 {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = mustOpenLog(t, filepath.Join(dir, "log"))
			mustHave(t, l, 1, next)
		}
	}
}

// smallDisk is a folder with a disk of its own.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("no disk of its own to fill: %v (needs root)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillUp takes all the room of a disk but so much.
func fillUp(t *testing.T, dir string, left int64) (file string) {
	t.Helper()
	file = filepath.Join(dir, "fill")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for block := make([]byte, 4096); ; size += int64(len(block)) {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(max(0, size-left)), f.Close()); err != nil {
		t.Fatal(err)
	}
	return file
}

// A segment that is full and cannot be noted so is the end of the log, as nobody
// knows what is on the disk; only what found no room is asked for again.
func TestALogEndsWithAFailedNote(t *testing.T) {
	l := mustOpenLog(t, t.TempDir())
	if err := l.meta.BoltMetaDB.Close(); err != nil { // no segment can be noted from here on
		t.Fatal(err)
	}
	var err error
	for i := uint64(1); i < 20 && err == nil; i++ {
		err = l.StoreLog(entry(i))
	}
	if !errors.Is(err, metadb.ErrUnintialized) || !errors.Is(l.failed(), ErrFailed) {
		t.Errorf("%v, and the log says %v", err, l.failed())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		err  error
		room bool // is what it lacked
	}{
		{&os.PathError{Op: "write", Err: syscall.ENOSPC}, true},
		{fmt.Errorf("log: %w", syscall.ENOSPC), true},
		{&os.PathError{Op: "sync", Err: syscall.ENOSPC}, false},
		{&os.PathError{Op: "write", Err: syscall.EIO}, false},
		{nil, false},
	} {
		if noRoom(tt.err) != tt.room {
			t.Errorf("%v: no room %v", tt.err, !tt.room)
		}
	}
}

package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kithdb/kith/storage/crashed"
)

// uncut is how many entries of calmly's less than a MiB are.
const uncut = 6

// calmly opens a node that looks for a calm all the time, with a collection in one
// group.
func calmly(t *testing.T, dir string, change ...func(*Options)) *Node {
	t.Helper()
	n := openNode(t, dir, append(change, func(o *Options) { o.LogCalm, o.Groups = 20*time.Millisecond, 1 })...)
	if err := n.Create(t.Context(), "c", newSchema(1)); err != nil {
		t.Fatal(err)
	}
	return n
}

// fill writes points in entries of some 200 KiB.
func fill(t *testing.T, n *Node, points uint64) {
	t.Helper()
	const each = 500
	for from := uint64(0); from < points; from += each {
		o := upsert(span(from, from+each)...)
		for i := range o.Points {
			o.Points[i].Payload = fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("word ", 80))
		}
		mustWrite(t, n, "c", o)
	}
}

// mustCut waits until the log is cut.
func mustCut(t *testing.T, n *Node) {
	t.Helper()
	m := n.groups[0].member
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		first, err := m.log.FirstIndex()
		if err != nil {
			t.Fatal(err)
		}
		if first+uncut >= m.raft.LastIndex() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the log still begins at entry %d of %d", first, m.raft.LastIndex())
		}
	}
}

// Once nothing is written any more the log is cut but for less than a MiB, and what
// was written before and comes after is there, also after a crash.
func TestTheLogIsCutInTheCalm(t *testing.T) {
	const points = 4000
	dir := t.TempDir()
	n := calmly(t, dir)
	defer closeNode(t, n)
	fill(t, n, points)
	mustCut(t, n)
	for _, more := range []uint64{0, 1, 10} {
		if more > 0 {
			mustWrite(t, n, "c", upsert(span(points, points+more)...))
		}
		again := openNode(t, crashed.Copy(t, dir))
		mustCount(t, again, "c", points+int(more))
		closeNode(t, again)
	}
}

// A cut in the calm comes after everything else: what it took and what the flush
// left is handed back then, which begins with a collection that nobody else forces.
func TestMemoryIsHandedBackAfterTheCut(t *testing.T) {
	n := calmly(t, t.TempDir())
	defer closeNode(t, n)
	forced := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumForcedGC
	}
	before := forced()
	fill(t, n, 4000)
	mustCut(t, n)
	for end := time.Now().Add(30 * time.Second); forced() == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was handed back")
		}
	}
}

// counted counts the warnings of cuts that failed.
type counted struct {
	slog.Handler
	cuts *atomic.Int32
}

func (c counted) Enabled(context.Context, slog.Level) bool { return true }

func (c counted) WithAttrs([]slog.Attr) slog.Handler { return c }

func (c counted) WithGroup(string) slog.Handler { return c }

func (c counted) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "cut the log" {
		c.cuts.Add(1)
	}
	return nil
}

// A cut that failed is tried again, with nothing written in between.
func TestACutThatFailedIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	var cuts atomic.Int32
	n := calmly(t, dir, func(o *Options) { o.Logger = slog.New(counted{cuts: &cuts}) })
	defer closeNode(t, n)
	found, err := filepath.Glob(filepath.Join(dir, "groups", "*", "snapshots"))
	if err != nil || len(found) != 1 {
		t.Fatalf("folders of snapshots: %v, %v", found, err)
	}
	away := filepath.Join(dir, "away")
	if err := os.Rename(found[0], away); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(found[0], nil, 0o600); err != nil { // no snapshot can be made
		t.Fatal(err)
	}
	fill(t, n, 4000)
	for end := time.Now().Add(30 * time.Second); cuts.Load() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no cut has failed")
		}
	}
	if err := os.Remove(found[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, found[0]); err != nil {
		t.Fatal(err)
	}
	mustCut(t, n)
	mustCount(t, n, "c", 4000)
}

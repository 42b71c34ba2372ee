package cluster

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/crashed"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
)

// keptDim is so large that a few points fill more than an arena keeps on the heap.
const keptDim = 512

// keptAt is the vector of point i, after so many changes.
func keptAt(i uint64, change int) []float32 {
	v := make([]float32, keptDim)
	for d := range v {
		v[d] = float32((i*2654435761+uint64(d)*40503+uint64(change)*97)%8191) / 7
	}
	v[0], v[1] = float32(i), float32(change)
	return v
}

// keeper is a node with one collection whose vectors lie on disk, and what it should
// hold: how often each point was changed.
type keeper struct {
	t       *testing.T
	n       *Node
	dir     string
	log     logged
	changes map[uint64]int
}

func (k *keeper) options(o *Options) {
	imaged(o, &k.log)
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	k := &keeper{t: t, dir: t.TempDir(), changes: map[uint64]int{}}
	k.n = openNode(t, k.dir, k.options)
	c := newSchema(1)
	c.Vectors[0].Size, c.Vectors[0].OnDisk = keptDim, to(true)
	c.Optimizers.IndexingThreshold = to(1)
	if err := k.n.Create(t.Context(), "c", c); err != nil {
		t.Fatal(err)
	}
	return k
}

// put changes some points; none is as it was before.
func (k *keeper) put(from, to uint64) {
	k.t.Helper()
	o := op.Op{Kind: op.Upsert}
	for i := from; i < to; i++ {
		k.changes[i]++
		o.Points = append(o.Points, point.Point{ID: point.Number(i), Vectors: []point.Vector{{Values: keptAt(i, k.changes[i])}}})
	}
	mustWrite(k.t, k.n, "c", o)
}

func (k *keeper) delete(from, to uint64) {
	k.t.Helper()
	o := op.Op{Kind: op.Delete}
	for i := from; i < to; i++ {
		delete(k.changes, i)
		o.IDs = append(o.IDs, point.Number(i))
	}
	mustWrite(k.t, k.n, "c", o)
}

// rest waits until all is indexed, swept and sealed.
func (k *keeper) rest(until func(*Info) bool) {
	k.t.Helper()
	waitUntil(k.t, k.n, "c", func(i *Info) bool { return i.Status.Green && until(i) })
	k.sealed()
}

func always(*Info) bool { return true }

// sealed waits for a seal.
func (k *keeper) sealed() string {
	k.t.Helper()
	path := filepath.Join(k.dir, "groups", "000", "index", "*", "*.seal")
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		found, err := filepath.Glob(path)
		if err != nil {
			k.t.Fatal(err)
		}
		if len(found) == 1 {
			return found[0]
		}
	}
	k.t.Fatal("the rows are not sealed")
	return ""
}

// reopen opens the node anew, at another place if that is where its files are now,
// and answers what it logged.
func (k *keeper) reopen(dir string) {
	k.t.Helper()
	closeNode(k.t, k.n)
	k.dir = dir
	k.open()
}

func (k *keeper) open() {
	k.t.Helper()
	k.log.reset()
	k.n = openNode(k.t, k.dir, k.options)
}

// check reads every point's vector, and searches for some.
func (k *keeper) check(when string) {
	k.t.Helper()
	mustCount(k.t, k.n, "c", len(k.changes))
	c, err := k.n.Collection("c")
	if err != nil {
		k.t.Fatal(err)
	}
	shards, err := c.Shards(k.t.Context(), true)
	if err != nil {
		k.t.Fatal(err)
	}
	var ids []point.ID
	for i := range k.changes {
		ids = append(ids, point.Number(i))
	}
	points, err := query.Retrieve(k.t.Context(), shards, ids, point.Selector{Vector: point.VectorSelector{Enable: true}})
	if err != nil || len(points) != len(ids) {
		k.t.Fatalf("%s: %d points of %d, %v", when, len(points), len(ids), err)
	}
	for _, p := range points {
		_, i := p.ID.Words()
		want := keptAt(i, k.changes[i])
		for d, v := range p.Vectors[0].Values {
			if v != want[d] {
				k.t.Fatalf("%s: dimension %d of point %d is %v, want %v", when, d, i, v, want[d])
			}
		}
		if i%97 == 0 {
			k.find(when, want, i)
		}
	}
}

// find searches for a point, again while codes of damaged rows are made anew.
func (k *keeper) find(when string, vector []float32, i uint64) {
	k.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := nearest(k.t, k.n, "c", vector)
		if got == fmt.Sprint(i) {
			return
		}
		if time.Now().After(end) {
			k.t.Fatalf("%s: nearest to point %d is %s", when, i, got)
		}
	}
}

// says waits until something was logged.
func (k *keeper) says(text string) {
	k.t.Helper()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(k.log.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			k.t.Fatalf("nobody says %q: %s", text, k.log.String())
		}
	}
}

func (k *keeper) rowsFile() string {
	k.t.Helper()
	found, err := filepath.Glob(filepath.Join(k.dir, "groups", "000", "index", "*", "*.rows"))
	if err != nil || len(found) != 1 {
		k.t.Fatalf("files of rows: %v, %v", found, err)
	}
	return found[0]
}

// A start takes the file of rows over, after a stop and after a kill, with writes,
// deletions and slots taken anew since the file was sealed; every point is what was
// written last.
func TestStartTakesRowsOver(t *testing.T) {
	k := newKeeper(t)
	for from := uint64(0); from < 1500; from += 300 {
		k.put(from, from+300)
	}
	k.rest(always)
	name := filepath.Base(k.rowsFile())
	same := func(when string) {
		t.Helper()
		k.check(when)
		if got := filepath.Base(k.rowsFile()); got != name || strings.Contains(k.log.String(), "rows on disk not usable") {
			t.Fatalf("%s: the rows are in %s, were in %s: %s", when, got, name, k.log.String())
		}
		k.says("rows on disk checked")
		k.check(when + ", and checked")
	}
	k.reopen(k.dir)
	same("stopped")

	k.put(1500, 1600) // new slots
	k.put(0, 50)      // dead ones
	k.delete(100, 130)
	k.reopen(crashed.Copy(t, k.dir))
	same("killed behind writes")

	for from := uint64(0); from < 1200; from += 300 { // sweeps, and slots taken anew
		k.put(from, from+300)
	}
	k.rest(func(i *Info) bool { return i.Status.Deleted < 60 })
	k.put(200, 320) // anew
	k.reopen(crashed.Copy(t, k.dir))
	same("killed behind sweeps")
	k.put(300, 700)
	k.reopen(k.dir)
	same("stopped behind sweeps")
	closeNode(t, k.n)
}

// A seal, or a file of rows, that is damaged, cut short, gone, of another version or
// of another moment is told by the log, and every point is what was written.
func TestRowsThatAreNotTakenOver(t *testing.T) {
	k := newKeeper(t)
	for from := uint64(0); from < 1200; from += 300 {
		k.put(from, from+300)
	}
	k.rest(always)
	flip := func(path string, at int64) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4)
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] ^= 0x11
		}
		if _, err := f.WriteAt(b, at); err != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	cut := func(path string, size int64) {
		t.Helper()
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	}
	var old, oldSeal []byte
	for _, c := range []struct {
		what string
		do   func(seal, rows string)
		says string
	}{
		{"a row is damaged", func(_, rows string) { flip(rows, 4*keptDim*333+40) }, "rows on disk were damaged"},
		{"the seal is damaged", func(seal, _ string) { flip(seal, 40) }, "rows on disk not usable"},
		{"the sums are damaged", func(seal, _ string) { flip(seal, 2000) }, "rows on disk not usable"},
		{"another version", func(seal, _ string) { flip(seal, 8) }, "rows on disk not usable"},
		{"the seal is cut short", func(seal, _ string) { cut(seal, 1000) }, "rows on disk not usable"},
		{"the rows are cut short", func(_, rows string) { cut(rows, 4*keptDim*300) }, "rows on disk not usable"},
		{"the rows are gone", func(_, rows string) {
			if err := os.Remove(rows); err != nil {
				t.Fatal(err)
			}
		}, "rows on disk not usable"},
		{"rows are kept for later", func(seal, rows string) {
			var errs [2]error
			old, errs[0] = os.ReadFile(rows)
			oldSeal, errs[1] = os.ReadFile(seal)
			if errs[0] != nil || errs[1] != nil {
				t.Fatal(errs)
			}
		}, "rows on disk checked"},
		{"rows of another moment", func(_, rows string) {
			info, err := os.Stat(rows)
			if err != nil || os.WriteFile(rows, old, 0o600) != nil || os.Truncate(rows, info.Size()) != nil {
				t.Fatal(err)
			}
		}, "rows on disk were damaged"},
		{"rows and seal of another moment", func(seal, rows string) {
			if os.WriteFile(rows, old, 0o600) != nil || os.WriteFile(seal, oldSeal, 0o600) != nil || os.Rename(rows, filepath.Join(filepath.Dir(rows), nameIn(oldSeal))) != nil {
				t.Fatal("files could not be put back")
			}
		}, "rows on disk not usable"},
	} {
		closeNode(t, k.n)
		c.do(k.sealed(), k.rowsFile())
		k.open()
		if c.says == "rows on disk not usable" {
			k.check(c.what)
		}
		k.says(c.says)
		k.check(c.what)
		if len(old) > 0 { // all slots become others
			for from := uint64(0); from < 1200; from += 300 {
				k.put(from, from+300)
			}
			k.rest(func(i *Info) bool { return i.Status.Deleted < 60 })
		}
		k.rest(always)
	}
	closeNode(t, k.n)
}

// nameIn is the name of the file of rows in a seal.
func nameIn(seal []byte) string {
	const at = 8 + 4 + 24
	return string(seal[at : at+strings.Index(string(seal[at:]), ".rows")+len(".rows")])
}

// Rows that a start took over, and that are damaged, never reach the store, also
// where points move and their rows are copied.
func TestDamagedRowsDoNotReachTheStore(t *testing.T) {
	k := newKeeper(t)
	for from := uint64(0); from < 1200; from += 300 {
		k.put(from, from+300)
	}
	k.rest(always)
	closeNode(t, k.n)
	f, err := os.OpenFile(k.rowsFile(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 8*keptDim), 4*keptDim*500); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	k.open()
	k.delete(0, 400) // the highest points move down
	k.rest(func(i *Info) bool { return i.Status.Deleted < 60 })
	k.check("moved")
	closeNode(t, k.n)
	if err := os.Remove(k.sealed()); err != nil { // all is read from the store
		t.Fatal(err)
	}
	k.open()
	k.check("read from the store")
	closeNode(t, k.n)
}

// A start goes by the codes that were saved with the graph: it makes and saves none.
func TestCodesSurviveAStart(t *testing.T) {
	k := newKeeper(t)
	for from := uint64(0); from < 1500; from += 300 {
		k.put(from, from+300)
	}
	k.rest(always)
	var before []byte // of a shard that has nothing left to do: what it still does behind a green light is saved as well
	for starts := 0; ; starts++ {
		k.reopen(k.dir)
		now := k.graph()
		if len(now) > 8 && now[8] >= 4 && bytes.Equal(now, before) { // the versions that have codes
			break
		}
		if before = now; starts == 20 {
			t.Fatal("each start saves the graph anew, or without its codes")
		}
	}
	k.reopen(k.dir)
	k.reopen(crashed.Copy(t, k.dir))
	k.says("rows on disk checked")
	k.check("reopened")
	closeNode(t, k.n)
	if !bytes.Equal(before, k.graph()) {
		t.Error("the graph was saved anew")
	}
}

// graph is the checkpoint of the only vector.
func (k *keeper) graph() []byte {
	k.t.Helper()
	found, err := filepath.Glob(filepath.Join(k.dir, "groups", "000", "index", "*", "*.graph"))
	if err != nil || len(found) > 1 {
		k.t.Fatal(found, err)
	}
	if len(found) == 0 {
		return nil
	}
	raw, err := os.ReadFile(found[0])
	if err != nil {
		k.t.Fatal(err)
	}
	return raw
}

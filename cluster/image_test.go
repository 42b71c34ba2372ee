package cluster

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kithdb/kith/storage/crashed"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/shard"
)

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text []byte
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

func (l *logged) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = nil
}

// imaged are options by which small collections have images, and what is logged.
func imaged(o *Options, log *logged) {
	o.Groups = 1
	o.Upkeep = shard.Upkeep{Garbage: 100, Tidy: 20, Stretch: 64, Calm: 20 * time.Millisecond, Image: 1}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
}

// imageOf waits for the image of the only collection's only vector.
func imageOf(t *testing.T, dir string, other os.FileInfo) string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		found, err := filepath.Glob(filepath.Join(dir, "groups", "*", "index", "*", "*.image"))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 {
			continue
		}
		if info, err := os.Stat(found[0]); err == nil && (other == nil || !info.ModTime().Equal(other.ModTime())) {
			return found[0]
		}
	}
	t.Fatal("there is no image")
	return ""
}

// A start reads vectors from their image; one that is damaged, or of another
// moment, is logged and left aside, the answers stay right, and another is
// written.
func TestStartFromTheImageOfVectors(t *testing.T) {
	const points = 3000
	dir := t.TempDir()
	var log logged
	options := func(o *Options) { imaged(o, &log) }
	n := openNode(t, dir, options)
	c := newSchema(1)
	c.Optimizers.IndexingThreshold = to(1)
	if err := n.Create(t.Context(), "c", c); err != nil {
		t.Fatal(err)
	}
	put := func(from, to uint64, shift float32) {
		o := upsert(span(from, to)...)
		for i := range o.Points {
			o.Points[i].Vectors = []point.Vector{{Values: []float32{float32(from) + float32(i) + shift, 1, 2, 3}}}
		}
		mustWrite(t, n, "c", o)
	}
	check := func(when string, shift float32) {
		t.Helper()
		mustCount(t, n, "c", points)
		for i := uint64(0); i < points; i += 61 {
			mustFindAt(t, n, float32(i)+shift, i)
		}
		if t.Failed() {
			t.Fatal(when)
		}
	}
	reopen := func(at string) {
		t.Helper()
		closeNode(t, n)
		log.reset()
		dir = at
		n = openNode(t, dir, options)
	}
	put(0, points, 0)
	waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green })
	path := imageOf(t, dir, nil)
	if err := os.Link(path, filepath.Join(dir, "kept")); err != nil {
		t.Fatal(err)
	}

	copied := crashed.Copy(t, dir)
	for _, at := range []string{dir, copied} { // stopped, and killed
		reopen(at)
		check("read from the image", 0)
		if text := log.String(); strings.Contains(text, "not usable") {
			t.Fatalf("in %s: %s", at, text)
		}
	}

	damage := func(at int64) {
		t.Helper()
		closeNode(t, n)
		path = imageOf(t, dir, nil)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 0x10
		if _, err := f.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		bad, err := f.Stat()
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		log.reset()
		n = openNode(t, dir, options)
		check(fmt.Sprint("damaged at ", at), 0)
		imageOf(t, dir, bad)
		if text := log.String(); strings.Count(text, "image of vectors not usable") != 1 {
			t.Errorf("damaged at %d: %s", at, text)
		}
	}
	damage(20)           // the header
	damage(4096 + 16*70) // a row
	damage(2<<20 + 4096) // the table: 131,072 rows of 16 bytes are a piece

	// All points are others now; the old image must go before a slot is taken anew.
	old, err := os.Stat(imageOf(t, dir, nil))
	if err != nil {
		t.Fatal(err)
	}
	for from := uint64(0); from < points; from += 300 {
		put(from, from+300, 0.25)
	}
	waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green && i.Status.Deleted < 60 })
	path = imageOf(t, dir, old)
	check("replaced", 0.25)
	reopen(dir)
	check("replaced and reopened", 0.25)

	closeNode(t, n) // somebody puts an old image back
	raw, err := os.ReadFile(filepath.Join(copied, "kept"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	log.reset()
	n = openNode(t, dir, options)
	check("an old image", 0.25)
	if !strings.Contains(log.String(), "image of vectors not usable") {
		t.Error(log.String())
	}
	mustWrite(t, n, "c", op.Op{Kind: op.Delete, IDs: []point.ID{point.Number(1)}})
	mustCount(t, n, "c", points-1)
	closeNode(t, n)
}

// What a crash leaves of an image under way goes, and a vector that is removed
// takes its image along.
func TestImagesLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	var log logged
	options := func(o *Options) { imaged(o, &log) }
	n := openNode(t, dir, options)
	c := newSchema(1)
	if err := n.Create(t.Context(), "c", c); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, 500)...))
	path := imageOf(t, dir, nil)
	closeNode(t, n)
	folder := filepath.Dir(path)
	for _, name := range []string{"0.image.tmp", "7.image.tmp", "7.image"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n = openNode(t, dir, options)
	mustFindAt(t, n, 77, 77)
	left, err := filepath.Glob(filepath.Join(folder, "*.image*"))
	if err != nil || len(left) != 1 || left[0] != path {
		t.Errorf("%v are left, %v", left, err)
	}
	if _, err := n.Delete(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(folder); os.IsNotExist(err) {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	closeNode(t, n)
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/storage/crashed"
	"github.com/kithdb/kith/storage/op"
)

// Background work that fails says why, changes no answer, and is tried again by
// itself: nobody has to write to the collection once the fault is mended.
func TestFailedWorkIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir, func(o *Options) { o.Groups = 1 })
	defer closeNode(t, n)
	c := newSchema(1)
	c.Optimizers.IndexingThreshold = to(1)
	if err := n.Create(t.Context(), "c", c); err != nil {
		t.Fatal(err)
	}
	checkpoints := filepath.Join(dir, "groups", "000", "index")
	if err := os.RemoveAll(checkpoints); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(checkpoints, nil, 0o644); err != nil { // a file where a folder is to be
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, 500)...))
	failed := waitUntil(t, n, "c", func(i *Info) bool { return i.Status.OptimizerError != "" })
	if !strings.Contains(failed.OptimizerError, checkpoints) {
		t.Errorf("the fault %q does not name %s", failed.OptimizerError, checkpoints)
	}
	mustFind(t, n, "c", 450)
	if err := os.Remove(checkpoints); err != nil {
		t.Fatal(err)
	}
	mended := waitUntil(t, n, "c", func(i *Info) bool { return i.Status.OptimizerError == "" && i.Status.Green })
	if mended.IndexedVectors != 500 {
		t.Errorf("%+v", mended)
	}
	mustFind(t, n, "c", 450)
}

// A disk that others have filled refuses writes, keeps answering, holds up no stop,
// and is written to again once it has room: without a restart, and after a crash.
func TestADiskThatOthersFill(t *testing.T) {
	dir := smallDisk(t, 128<<20)
	small := func(o *Options) { o.Groups, o.DiskReserve = 1, -1 }
	data := filepath.Join(dir, "data") // apart from what others fill, which no crash copies
	n := openNode(t, data, small)
	defer func() { closeNode(t, n) }()
	if err := n.Create(t.Context(), "c", newSchema(1)); err != nil {
		t.Fatal(err)
	}
	next := uint64(0)
	some := func() op.Op { // 800 kB
		o := upsert(span(next, next+20)...)
		for i := range o.Points {
			o.Points[i].Payload = fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("x", 40_000))
		}
		return o
	}
	for round := range 3 {
		mustWrite(t, n, "c", some())
		next += 20
		room := fillUp(t, dir, int64(round)<<20)
		col, err := n.Collection("c")
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		for end := time.Now().Add(time.Minute); refused < 5; {
			if time.Now().After(end) {
				t.Fatal("the disk was never full")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			_, err := col.Write(ctx, []op.Op{some()}, Applied)
			cancel()
			switch {
			case err == nil:
				next += 20
			case errors.Is(err, ErrDiskFull), errors.Is(err, ErrNotReady): // which is while the group elects itself again
				refused++
			default:
				t.Fatalf("on a full disk: %v", err)
			}
		}
		if got := nearestBy(t, n, "c", []float32{float32(next - 1), 1, 2, 3}, false); got != fmt.Sprint(next-1) {
			t.Errorf("on a full disk: found %s, want %d", got, next-1)
		}
		if round == 1 {
			other := openNode(t, crashed.Copy(t, data), small)
			mustFind(t, other, "c", next-1)
			mustWrite(t, other, "c", some())
			closeNode(t, other)
		}
		if err := os.Remove(room); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			_, err := col.Write(t.Context(), []op.Op{some()}, Applied)
			if err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("with room again: %v", err)
			}
		}
		next += 20
		mustFind(t, n, "c", next-1)
	}
}

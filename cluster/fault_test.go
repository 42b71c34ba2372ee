package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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

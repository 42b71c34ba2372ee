package server_test

import (
	"fmt"
	"testing"
	"time"
)

// TestGreenMeansTheIndexThatWasAskedFor changes what a graph is made of: who waits for
// green afterwards has the new one.
func TestGreenMeansTheIndexThatWasAskedFor(t *testing.T) {
	const n, dim = 4000, 16
	r := serve(t, start{dir: t.TempDir()})
	c := newCloud(1, dim)
	r.must("PUT", "/collections/c", fmt.Sprintf(`{"vectors":{"size":%d,"distance":"Euclid"},"hnsw_config":{"m":6,"ef_construct":40},"optimizers_config":{"indexing_threshold":1}}`, dim))
	r.pour(c, "c", n)
	r.green("c")
	for i, change := range []string{`{"m":8}`, `{"ef_construct":60}`, `{"m":6,"ef_construct":40}`} {
		r.must("PATCH", "/collections/c", `{"hnsw_config":`+change+`}`)
		r.green("c")
		got := r.reindexed("c")
		for range 10 { // the job ends a moment after its graph serves
			if got == i+1 {
				break
			}
			time.Sleep(time.Millisecond)
			got = r.reindexed("c")
		}
		if got != i+1 {
			t.Fatalf("green after %s, and indexed anew %d times, want %d", change, got, i+1)
		}
	}
}

// reindexed is how often the collection's index was built with new settings.
func (r *running) reindexed(name string) (times int) {
	r.t.Helper()
	var out struct {
		Completed []struct{ Optimizer, Status string }
	}
	r.must("GET", "/collections/"+name+"/optimizations?with=completed&completed_limit=100", "", &out)
	for _, j := range out.Completed {
		if j.Optimizer == "reindexing" && j.Status == "done" {
			times++
		}
	}
	return times
}

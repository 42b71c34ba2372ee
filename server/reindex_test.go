package server_test

import (
	"fmt"
	"slices"
	"strings"
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

// TestGreenMeansTheCodesThatWereAskedFor changes the codes that searches go by, and where
// they lie: who waits for green afterwards has the new ones.
func TestGreenMeansTheCodesThatWereAskedFor(t *testing.T) {
	const n, dim = 4000, 96
	r := serve(t, start{dir: t.TempDir()})
	r.must("PUT", "/collections/c", fmt.Sprintf(`{"vectors":{"size":%d,"distance":"Euclid"},"optimizers_config":{"indexing_threshold":1}}`, dim))
	r.pour(newCloud(1, dim), "c", n)
	r.green("c")
	for _, code := range []string{`{"product":{"compression":"x8"}}`, `{"scalar":{"type":"int8"}}`, `{"product":{"compression":"x4"}}`} {
		before := r.done("c", "training")
		r.must("PATCH", "/collections/c", `{"quantization_config":`+code+`}`)
		r.green("c")
		if got := r.done("c", "training"); got != before+1 {
			t.Errorf("green after %s, and trained %d times, before that %d", code, got, before)
		}
	}
	r.must("PATCH", "/collections/c", `{"quantization_config":{"turbo":{"bits":"bits4"}},"hnsw_config":{"inline_storage":true}}`)
	r.green("c")
	if got := r.done("c", "inline_storage"); got != 1 {
		t.Errorf("green, and codes laid beside the links %d times, want once", got)
	}
	r.must("PATCH", "/collections/c", `{"quantization_config":"Disabled"}`)
	r.green("c")
	if got, want := r.near("c", make([]float64, dim), 10, `{"quantization":{"rescore":false}}`), r.near("c", make([]float64, dim), 10, `{"quantization":{"ignore":true}}`); !slices.Equal(got, want) {
		t.Errorf("green after codes were taken away, and by codes %v is nearest, by vectors %v", got, want)
	}
}

// TestFlatIsExactAtOnce takes a poor index away: no search goes by it from the change
// on, though it takes a moment until it is gone.
func TestFlatIsExactAtOnce(t *testing.T) {
	const n, dim = 8000, 24
	r := serve(t, start{dir: t.TempDir()})
	c := newCloud(1, dim)
	r.must("PUT", "/collections/c", fmt.Sprintf(`{"vectors":{"size":%d,"distance":"Euclid","index":{"type":"lsh","tables":1,"bits":14}},"optimizers_config":{"indexing_threshold":1}}`, dim))
	r.pour(c, "c", n)
	r.green("c")
	for _, kind := range []string{`"index":{"type":"flat"}`, `"index":{"type":"hnsw"},"hnsw_config":{"m":0}`} {
		r.must("PATCH", "/collections/c", `{"vectors":{"":{"index":{"type":"lsh","tables":1,"bits":14}}}}`)
		r.green("c")
		r.must("PATCH", "/collections/c", `{"vectors":{"":{`+kind+`}}}`)
		for range 20 {
			q := c.vector()
			if got, want := r.near("c", q, 10, `{"hnsw_ef":1}`), r.near("c", q, 10, `{"exact":true}`); !slices.Equal(got, want) {
				t.Fatalf("%s: %v, exactly %v", kind, got, want)
			}
		}
		if got := r.indexed("c"); got != 0 {
			t.Errorf("%s: %d are said to be indexed", kind, got)
		}
	}
}

// TestAskedRecallOfTheNextIndex asks for a recall right after another kind of index
// serves: what was measured on the old one says nothing of it.
func TestAskedRecallOfTheNextIndex(t *testing.T) {
	const n, dim, queries, asked = 8000, 24, 60, 0.98
	r := serve(t, start{dir: t.TempDir()})
	c := newCloud(1, dim)
	r.must("PUT", "/collections/c", fmt.Sprintf(`{"vectors":{"size":%d,"distance":"Euclid","index":{"type":"hnsw"}},"optimizers_config":{"indexing_threshold":1}}`, dim))
	r.pour(c, "c", n)
	for _, kind := range []string{`{"type":"lsh","tables":4}`, `{"type":"hnsw"}`, `{"type":"flat","pca":8}`, `{"type":"ivf_pq","pca":4}`} {
		r.recallOf("c", measured)
		r.must("PATCH", "/collections/c", `{"vectors":{"":{"index":`+kind+`}}}`)
		r.green("c")
		found, wanted := 0, 0
		for range queries {
			q := c.vector()
			truth := r.near("c", q, 10, `{"exact":true}`)
			wanted += len(truth)
			for _, id := range r.near("c", q, 10, fmt.Sprintf(`{"recall":%v}`, asked)) {
				if slices.Contains(truth, id) {
					found++
				}
			}
		}
		if got := float64(found) / float64(wanted); got < asked-0.03 {
			t.Errorf("%s: recall %.4f, asked for %v", kind, got, asked)
		}
	}
}

// TestGreenComesAfterGrowth loads so many more points at once that the index must be
// made anew by them: nobody has to write again for that.
func TestGreenComesAfterGrowth(t *testing.T) {
	const dim = 16
	r := serve(t, start{dir: t.TempDir()})
	for i, kind := range []string{"lsh", "ivf_pq"} {
		name := fmt.Sprintf("c%d", i)
		r.must("PUT", "/collections/"+name, fmt.Sprintf(`{"vectors":{"size":%d,"distance":"Euclid","index":{"type":%q}},"optimizers_config":{"indexing_threshold":1}}`, dim, kind))
		r.pour(newCloud(1, dim), name, 50)
		r.green(name)
		r.pour(newCloud(2, dim), name, 6000)
		r.green(name)
		if got := r.reindexed(name); got < 1 {
			t.Errorf("%s: green, and not indexed anew", kind)
		}
	}
}

// TestNothingToLearn loads vectors whose squares are beyond all floats: no list can be
// made of them. The index is tried anew once, not for ever, and everything is found.
func TestNothingToLearn(t *testing.T) {
	const n = 1200
	r := serve(t, start{dir: t.TempDir()})
	r.must("PUT", "/collections/c", `{"vectors":{"size":4,"distance":"Euclid","index":{"type":"ivf_pq"}},"optimizers_config":{"indexing_threshold":1}}`)
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"id":%d,"vector":[%de25,1e25,3e25,1e25]}`, i, i+1)
	}
	r.must("PUT", "/collections/c/points?wait=true", `{"points":[`+b.String()[1:]+`]}`)
	r.green("c")
	before := r.reindexed("c")
	time.Sleep(300 * time.Millisecond)
	if after := r.reindexed("c"); after > before+1 || after > 2 {
		t.Errorf("indexed anew %d times, %d a moment ago", after, before)
	}
	if got := r.near("c", []float64{1, 2, 3, 4}, n, `{}`); len(got) != n {
		t.Errorf("%d of %d found", len(got), n)
	}
}

// reindexed is how often the collection's index was built with new settings.
func (r *running) reindexed(name string) int { return r.done(name, "reindexing") }

// done is how many jobs of a kind have ended well.
func (r *running) done(name, kind string) (times int) {
	r.t.Helper()
	var out struct {
		Completed []struct{ Optimizer, Status string }
	}
	r.must("GET", "/collections/"+name+"/optimizations?with=completed&completed_limit=100", "", &out)
	for _, j := range out.Completed {
		if j.Optimizer == kind && j.Status == "done" {
			times++
		}
	}
	return times
}

package server_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// cloud is clustered vectors, drawn alike each time.
type cloud struct {
	rng  *rand.Rand
	mids [][]float64
}

func newCloud(seed uint64, dim int) *cloud {
	c := &cloud{rng: rand.New(rand.NewPCG(seed, 7))}
	for range 40 {
		mid := make([]float64, dim)
		for i := range mid {
			mid[i] = c.rng.NormFloat64()
		}
		c.mids = append(c.mids, mid)
	}
	return c
}

func (c *cloud) vector() []float64 {
	mid := c.mids[c.rng.IntN(len(c.mids))]
	v := make([]float64, len(mid))
	for i := range v {
		v[i] = mid[i] + 0.7*c.rng.NormFloat64()
	}
	return v
}

// pour upserts n vectors from an id on, and waits until they are indexed.
func (r *running) pour(c *cloud, name string, n int) {
	r.t.Helper()
	for from := 0; from < n; from += 8000 {
		var b strings.Builder
		for i := from; i < min(from+8000, n); i++ {
			text, err := json.Marshal(c.vector())
			if err != nil {
				r.t.Fatal(err)
			}
			fmt.Fprintf(&b, `%s{"id":%d,"vector":%s}`, map[bool]string{true: ","}[i > from], i, text)
		}
		r.must("PUT", "/collections/"+name+"/points?wait=true", `{"points":[`+b.String()+`]}`)
	}
}

type measuredRecall struct {
	Vectors map[string]struct {
		Recall float64 `json:"recall"`
		Ef     int     `json:"hnsw_ef"`
		Points int     `json:"points"`
		Curves []struct {
			Live    bool      `json:"live"`
			Points  int       `json:"points"`
			Samples int       `json:"samples"`
			At      time.Time `json:"at"`
			Steps   []struct {
				Ef     int     `json:"ef"`
				Recall float64 `json:"recall"`
			} `json:"steps"`
		} `json:"curves"`
	} `json:"vectors"`
}

// recallOf waits until a collection's recall satisfies a condition.
func (r *running) recallOf(name string, until func(*measuredRecall) bool) measuredRecall {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var m measuredRecall
		r.must("GET", "/collections/"+name+"/recall", "", &m)
		if until(&m) {
			return m
		}
		if time.Now().After(end) {
			r.t.Fatalf("the recall is still %+v", m)
		}
	}
}

func measured(m *measuredRecall) bool { return len(m.Vectors) > 0 }

// near asks for the ids that are nearest, best first.
func (r *running) near(name string, vector []float64, limit int, params string) []string {
	r.t.Helper()
	text, err := json.Marshal(vector)
	if err != nil {
		r.t.Fatal(err)
	}
	var h hits
	r.must("POST", "/collections/"+name+"/points/query", fmt.Sprintf(`{"query":%s,"limit":%d,"params":%s}`, text, limit, params), &h)
	out := make([]string, len(h.Points))
	for i := range h.Points {
		out[i] = string(h.Points[i].ID)
	}
	return out
}

// TestAskedRecall asks for recalls instead of breadths, and compares what comes
// with exact search on queries that the server has never seen.
func TestAskedRecall(t *testing.T) {
	const n, dim, queries = 8000, 20, 100
	s := start{dir: t.TempDir()}
	r := serve(t, s)
	c := newCloud(1, dim)
	r.must("PUT", "/collections/c", fmt.Sprintf(`{"vectors":{"size":%d,"distance":"Euclid"},"hnsw_config":{"m":6,"ef_construct":40},"optimizers_config":{"indexing_threshold":1}}`, dim))
	r.pour(c, "c", n)
	first := r.recallOf("c", func(m *measuredRecall) bool {
		return measured(m) && m.Vectors[""].Points == n && r.indexed("c") == n && m.Vectors[""].Curves[0].Points == n
	})
	if v := first.Vectors[""]; v.Recall < 0.93 || v.Recall > 1 || v.Ef < 10 || len(v.Curves) != 1 || v.Curves[0].Samples < 64 {
		t.Errorf("at first: %+v", v)
	}
	_, text := r.plain("GET", "/metrics")
	if !strings.Contains(text, `kith_recall_estimate{collection="c",vector=""} 0.9`) && !strings.Contains(text, `kith_recall_estimate{collection="c",vector=""} 1`) {
		t.Error("no kith_recall_estimate")
	}
	for _, limit := range []int{10, 40} {
		levels := []float64{0.9, 0.95, 0.99}
		found, wanted := make([]int, len(levels)), 0
		for range queries { // all levels of one query in a row: the curve moves with time
			q := c.vector()
			truth := r.near("c", q, limit, `{"exact":true}`)
			wanted += len(truth)
			for i, asked := range levels {
				for _, id := range r.near("c", q, limit, fmt.Sprintf(`{"recall":%v}`, asked)) {
					if slices.Contains(truth, id) {
						found[i]++
					}
				}
			}
		}
		last := 0.0
		for i, asked := range levels {
			got := float64(found[i]) / float64(wanted)
			// 1000 neighbours of 100 queries: the mean wavers by about a hundredth.
			if got < asked-0.02 || got < last-0.01 {
				t.Errorf("recall %v of %d neighbours: %.4f", asked, limit, got)
			}
			last = got
		}
	}
	q := c.vector()
	if !slices.Equal(r.near("c", q, 10, `{"recall":1}`), r.near("c", q, 10, `{"exact":true}`)) {
		t.Error("a recall of 1 is not exact")
	}
	r.recallOf("c", func(m *measuredRecall) bool { return m.Vectors[""].Curves[0].Live })
	r.stop()

	again := serve(t, s)
	kept := again.recallOf("c", measured).Vectors[""].Curves[0]
	if !kept.Live || kept.Samples < 64 {
		t.Errorf("after a restart: %+v", kept)
	}
}

// indexed is how many vectors of a collection are in its index.
func (r *running) indexed(name string) int {
	r.t.Helper()
	var info struct {
		N      int    `json:"indexed_vectors_count"`
		Status string `json:"status"`
	}
	r.must("GET", "/collections/"+name, "", &info)
	return info.N
}

func TestAskedRecallOutOfRange(t *testing.T) {
	r := serve(t, start{})
	r.must("PUT", "/collections/c", `{"vectors":{"size":2,"distance":"Dot"},"strict_mode_config":{"enabled":true,"search_allow_exact":false,"search_max_hnsw_ef":50}}`)
	r.must("PUT", "/collections/c/points?wait=true", `{"points":[{"id":1,"vector":[1,2]}]}`)
	for params, want := range map[string]string{
		`{"recall":0}`:                  "query.params.recall|params.recall",
		`{"recall":1.01}`:               "params.recall",
		`{"recall":-0.5}`:               "params.recall",
		`{"recall":"0.9"}`:              "params.recall",
		`{"recall":0.9,"hnsw_ef":10}`:   "hnsw_ef and recall",
		`{"hnsw_ef":10,"recall":1}`:     "hnsw_ef and recall",
		`{"recall":1e999}`:              "params.recall",
		`{"recall":0.9,"recallx":0.95}`: "recallx",
	} {
		status, a, _ := r.send("POST", "/collections/c/points/query", `{"query":[1,1],"params":`+params+`}`)
		if parts := strings.Split(want, "|"); status != 400 || !strings.Contains(a.message(), parts[len(parts)-1]) {
			t.Errorf("%s: %d %s", params, status, a.message())
		}
	}
	if status, a, _ := r.send("POST", "/collections/c/points/query", `{"query":[1,1],"params":{"recall":1}}`); status != 403 {
		t.Errorf("exact search by recall where it is forbidden: %d %s", status, a.message())
	}
	if got := r.near("c", []float64{1, 1}, 1, `{"recall":0.9,"indexed_only":null}`); len(got) != 1 {
		t.Errorf("%v found", got)
	}
}

package server_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/cluster"
)

// settingsWalk is a collection whose settings change at random while points come and
// go and the server starts anew.
type settingsWalk struct {
	*running
	rng      *rand.Rand
	cloud    *cloud
	dim      int
	distance string
	datatype string
	live     map[int]bool
	next     int
	past     []string // what was done, for whoever reads a failure
}

func pickOf[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// index is any index that the vector may have.
func (w *settingsWalk) index() string {
	kind := pickOf(w.rng, "hnsw", "hnsw", "ivf_pq", "lsh", "flat")
	if w.distance == "Manhattan" {
		return fmt.Sprintf(`{"type":%q}`, pickOf(w.rng, "hnsw", "flat"))
	}
	options := ""
	if w.dim >= 8 && w.rng.IntN(3) == 0 {
		options += fmt.Sprintf(`,"pca":%d`, w.dim*2/3+w.rng.IntN(w.dim/3))
	}
	switch kind {
	case "ivf_pq":
		options += pickOf(w.rng, "", `,"rotate":true`, `,"lists":1`, `,"lists":3000`)
	case "lsh":
		options += pickOf(w.rng, "", `,"tables":8`)
	}
	return fmt.Sprintf(`{"type":%q%s}`, kind, options)
}

func (w *settingsWalk) graph() string {
	return pickOf(w.rng, `{"m":16}`, `{"m":8,"ef_construct":64}`, `{"inline_storage":true}`, `{"m":16,"inline_storage":true}`, `{"m":0}`, `{"m":0,"payload_m":8}`, `{"m":12,"inline_storage":false}`, `{"on_disk":true}`)
}

func (w *settingsWalk) code() string {
	return pickOf(w.rng, `"Disabled"`, `{"scalar":{"type":"int8","quantile":0.99}}`, `{"product":{"compression":"x4"}}`, `{"binary":{"encoding":"two_bits"}}`,
		`{"binary":{"encoding":"one_and_half_bits","query_encoding":"scalar8bits"}}`, `{"turbo":{"bits":"bits4"}}`, `{"turbo":{"bits":"bits4"}}`, `{"turbo":{"bits":"bits1"}}`)
}

// vector is one of the cloud, as the datatype can hold it.
func (w *settingsWalk) vector() []float64 {
	v := w.cloud.vector()
	for d := range v {
		if w.datatype == "uint8" {
			v[d] = math.Round(min(max(128+40*v[d], 0), 255))
		}
	}
	return v
}

// put upserts n points, some of them over others.
func (w *settingsWalk) put(n int) {
	w.t.Helper()
	points := make([]string, n)
	for i := range points {
		id := w.next
		if w.next > 0 && w.rng.IntN(5) == 0 {
			id = w.rng.IntN(w.next)
		} else {
			w.next++
		}
		w.live[id] = true
		v, err := json.Marshal(w.vector())
		if err != nil {
			w.t.Fatal(err)
		}
		points[i] = fmt.Sprintf(`{"id":%d,"vector":%s,"payload":{"t":"%d"}}`, id, v, id%3)
	}
	w.must("PUT", "/collections/w/points?wait=true", `{"points":[`+strings.Join(points, ",")+`]}`)
}

// remove deletes a share of the points.
func (w *settingsWalk) remove(share int) {
	w.t.Helper()
	var ids []string
	for id := range w.next {
		if w.live[id] && w.rng.IntN(share) == 0 {
			ids = append(ids, fmt.Sprint(id))
			delete(w.live, id)
		}
	}
	w.must("POST", "/collections/w/points/delete?wait=true", `{"points":[`+strings.Join(ids, ",")+`]}`)
}

// settles waits until nothing is left to build.
func (w *settingsWalk) settles() {
	w.t.Helper()
	var info struct{ Status string }
	for range 3000 {
		if w.must("GET", "/collections/w", "", &info); info.Status == "green" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("it is still %s after %q", info.Status, w.past)
}

// answers compares searches with exact ones: as many points, and most of them the same.
func (w *settingsWalk) answers() {
	w.t.Helper()
	var info struct {
		Points int `json:"points_count"`
	}
	if w.must("GET", "/collections/w", "", &info); info.Points != len(w.live) {
		w.t.Fatalf("%d points, want %d, after %q", info.Points, len(w.live), w.past)
	}
	found, wanted := 0, 0
	for _, filter := range []string{"null", `{"must":[{"key":"t","match":{"value":"1"}}]}`} {
		for range 6 {
			text, err := json.Marshal(w.vector())
			if err != nil {
				w.t.Fatal(err)
			}
			params := pickOf(w.rng, `{"hnsw_ef":1000}`, `{"recall":0.95}`, `{"hnsw_ef":1000,"quantization":{"rescore":true,"oversampling":8}}`)
			got, want := w.nearestOf("w", string(text), filter, params), w.nearestOf("w", string(text), filter, `{"exact":true}`)
			if len(got) != len(want) {
				w.t.Fatalf("%d points under %s with %s, want %d, after %q", len(got), filter, params, len(want), w.past)
			}
			wanted += len(want)
			for id := range got {
				if want[id] {
					found++
				}
			}
		}
	}
	// Some of 120 are missed by design, and uint8 has equals.
	if share := float64(found) / float64(max(wanted, 1)); share < 0.8 {
		w.t.Fatalf("recall %.2f after %q", share, w.past)
	}
}

// TestSettingsWalk changes what a collection's index is made of at random, many times,
// with points coming and going and starts in between: it becomes green again, loses
// nothing, and finds what is near.
func TestSettingsWalk(t *testing.T) {
	for seed, dim := range []int{2, 9, 16, 40, 130, 300, 8, 64} {
		t.Run(fmt.Sprint(seed, "/", dim), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 21))
			dir, log := t.TempDir(), &record{}
			begin := func() *running {
				return serve(t, start{dir: dir, node: cluster.Options{Logger: slog.New(slog.NewTextHandler(log, nil))}})
			}
			w := &settingsWalk{running: begin(), rng: rng, cloud: newCloud(uint64(seed), dim), dim: dim, live: map[int]bool{},
				distance: pickOf(rng, "Cosine", "Dot", "Euclid", "Manhattan"), datatype: pickOf(rng, "float32", "float32", "float16", "uint8")}
			w.past = append(w.past, fmt.Sprintf(`{"vectors":{"size":%d,"distance":%q,"datatype":%q,"on_disk":%v,"index":%s},"hnsw_config":%s,"optimizers_config":{"indexing_threshold":1}}`,
				dim, w.distance, w.datatype, rng.IntN(3) == 0, w.index(), w.graph()))
			w.must("PUT", "/collections/w", w.past[0])
			w.must("PUT", "/collections/w/index?wait=true", `{"field_name":"t","field_schema":{"type":"keyword","is_tenant":true}}`)
			w.put(pickOf(rng, 50, 1500))
			for range 12 {
				step := pickOf(rng, "index", "index", "graph", "code", "put", "delete", "start")
				switch step {
				case "index":
					step = `{"vectors":{"":{"index":` + w.index() + `}}}`
				case "graph":
					step = `{"hnsw_config":` + w.graph() + `}`
				case "code":
					step = `{"quantization_config":` + w.code() + `}`
				}
				w.past = append(w.past, step)
				switch step {
				case "put":
					w.put(pickOf(rng, 10, 1000))
				case "delete":
					w.remove(pickOf(rng, 2, 20))
				case "start":
					w.stop()
					w.running = begin()
				default:
					w.must("PATCH", "/collections/w", step)
				}
				if rng.IntN(2) == 0 {
					w.settles()
				}
				w.answers()
			}
			w.settles()
			w.answers()
			if text := log.text(); strings.Contains(text, "panic") || strings.Contains(text, "level=ERROR") {
				at := max(strings.Index(text, "panic"), strings.Index(text, "level=ERROR"))
				t.Errorf("the log has %.600s, after %q", text[at:], w.past)
			}
		})
	}
}

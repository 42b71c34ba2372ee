package server_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A graph's walks go by codes without being asked to; answers are measured by
// the vectors unless the query says otherwise.
func TestCodesGuideByDefault(t *testing.T) {
	const points, dim = 5000, 64
	dir := t.TempDir()
	r := serve(t, start{dir: dir})
	r.must("PUT", "/collections/c", `{"vectors":{"size":64,"distance":"Cosine"},"optimizers_config":{"indexing_threshold":1}}`)
	random := rand.New(rand.NewPCG(3, 9))
	draw := func() string {
		near := random.IntN(20)
		var b strings.Builder
		for d := range dim {
			fmt.Fprintf(&b, ",%.4f", math.Sin(float64(near*31+d*d))+0.5*random.NormFloat64())
		}
		return "[" + b.String()[1:] + "]"
	}
	var body strings.Builder
	for i := range points {
		fmt.Fprintf(&body, `,{"id":%d,"vector":%s}`, i, draw())
	}
	r.must("PUT", "/collections/c/points?wait=true", `{"points":[`+body.String()[1:]+`]}`)
	for range 1000 {
		if files, _ := filepath.Glob(filepath.Join(dir, "groups", "*", "index", "*", "0.code")); len(files) == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.green("c")
	type scored struct {
		ID    int
		Score float64
	}
	ask := func(vector, params string) map[int]float64 {
		var got struct{ Points []scored }
		r.must("POST", "/collections/c/points/query", `{"query":`+vector+`,"limit":10,"params":`+params+`}`, &got)
		if len(got.Points) != 10 {
			t.Fatalf("%s: %d points", params, len(got.Points))
		}
		out := map[int]float64{}
		for _, p := range got.Points {
			out[p.ID] = p.Score
		}
		return out
	}
	found, estimated, asked := map[string]int{}, 0, 40
	for range asked {
		vector := draw()
		exact := ask(vector, `{"exact":true}`)
		for _, params := range []string{`{"hnsw_ef":64}`, `{"hnsw_ef":64,"quantization":{"ignore":true}}`, `{"hnsw_ef":64,"quantization":{"oversampling":3}}`, `{"hnsw_ef":64,"quantization":{"rescore":false}}`} {
			for id, score := range ask(vector, params) {
				want, ok := exact[id]
				if !ok {
					continue
				}
				found[params]++
				switch away := math.Abs(score - want); {
				case strings.Contains(params, "rescore") && away > 1e-6:
					estimated++
					if away > 0.1 {
						t.Errorf("point %d: estimate %v, score %v", id, score, want)
					}
				case away > 1e-6:
					t.Errorf("%s: point %d scores %v, want %v", params, id, score, want)
				}
			}
		}
	}
	for params, n := range found {
		least := 0.97
		if strings.Contains(params, "rescore") {
			least = 0.6
		}
		if recall := float64(n) / float64(10*asked); recall < least {
			t.Errorf("%s: recall %.3f", params, recall)
		}
	}
	if estimated == 0 {
		t.Error("without rescoring all scores are exact: no codes are in use")
	}
}

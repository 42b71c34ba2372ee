package query

import (
	"math/rand/v2"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/storage/schema"
)

// A shard makes the sketches of a graph over long vectors before it is green, and
// a filter whose matches lie far from the query is answered by them: right, and
// with a fraction of the matches compared.
func TestFarMatches(t *testing.T) {
	const n, dim, queries, axes = 4500, 240, 10, 8
	rng := rand.New(rand.NewPCG(5, 3))
	normal := func(scale float32) []float32 {
		v := make([]float32, dim)
		for i := range v {
			v[i] = scale * float32(rng.NormFloat64())
		}
		return v
	}
	var base [axes][]float32
	for i := range base {
		base[i] = normal(1)
	}
	draw := func() []float32 {
		v := normal(0.4)
		for i, axis := range base {
			part := float32(rng.NormFloat64()) / float32(1+i)
			for d := range v {
				v[d] += part * axis[d]
			}
		}
		return v
	}
	c := schema.Defaults()
	least := 1
	c.Optimizers.IndexingThreshold, c.HNSW.FullScanThreshold = &least, 1
	c.Vectors = []schema.Vector{{Size: dim, Metric: index.Euclid}}
	w := openFilterWorld(t, t.TempDir(), &c, n, func(int) []float32 { return draw() })
	if g := w.vec.Graph.(*hnsw.Graph); !g.Sketchable() || g.Unsketched() > 0 {
		t.Fatalf("sketchable %v, %d slots without", g.Sketchable(), g.Unsketched())
	}
	for _, share := range []float64{0.9, 0.99} {
		got, of, cost := 0, 0, 0
		for range queries {
			q := w.query(draw())
			set := q.matches(share, opposed, rng)
			s := w.ask(q, set, ef(24))
			found, all := q.found(set, s.hits)
			got, of, cost = got+found, of+all, cost+s.work.Distances
		}
		if recall := float64(got) / float64(of); recall < 0.95 {
			t.Errorf("%g: recall %.3f", share, recall)
		}
		// A query whose sketches would leave too many is scanned, as some are here.
		if most := queries * n * 2 / 3; cost > most {
			t.Errorf("%g: %d distances, want %d at most", share, cost, most)
		}
	}
}

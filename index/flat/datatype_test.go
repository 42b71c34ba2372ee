package flat_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/flat"
)

// decoded is the distance in float64 between what the two are stored as.
func decoded(s index.Space, q, v []float32) float64 {
	row, a, b := make([]byte, 4*len(q)), make([]float32, len(q)), make([]float32, len(q))
	s.Datatype.Encode(row, q)
	s.Datatype.Decode(a, row)
	s.Datatype.Encode(row, v)
	s.Datatype.Decode(b, row)
	var dot, l2, l1, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, l2, l1, aa, bb = dot+x*y, l2+(x-y)*(x-y), l1+math.Abs(x-y), aa+x*x, bb+y*y
	}
	switch {
	case s.Metric == index.Euclid:
		return l2
	case s.Metric == index.Manhattan:
		return l1
	case s.Metric == index.Cosine && s.Datatype == index.Uint8:
		return -dot / math.Sqrt(max(aa*bb, 1))
	}
	return -dot
}

// The narrow datatypes find what a sort by float64 distances of the stored
// values finds.
func TestDatatypesAgreeWithASort(t *testing.T) {
	const n, dim, k = 3000, 37, 50
	for _, d := range []index.Datatype{index.Float16, index.Bfloat16, index.Uint8} {
		for m := index.Cosine; m <= index.Manhattan; m++ {
			rng := rand.New(rand.NewPCG(uint64(d), uint64(m)))
			space := index.Space{Metric: m, Datatype: d}
			a := arena.New(arena.Options{RowBytes: dim * d.Bytes()})
			t.Cleanup(func() { a.Close() })
			if err := a.Grow(n); err != nil {
				t.Fatal(err)
			}
			vectors := make([][]float32, n)
			var slots []uint32
			for i := range vectors {
				vectors[i] = make([]float32, dim)
				for j := range vectors[i] {
					vectors[i][j] = rng.Float32()*300 - 20 // beyond both ends of uint8
				}
				d.Encode(a.Rows().Bytes(uint32(i)), vectors[i])
				slots = append(slots, uint32(i))
			}
			for _, q := range vectors[:10] {
				want := make([]float64, 0, n)
				for _, v := range vectors {
					want = append(want, decoded(space, q, v))
				}
				slices.SortFunc(want, cmp.Compare[float64])
				query := index.Query{Vector: q, K: k, Accept: setOf(slots)}
				hits, _ := flat.Range(query, space, a.Rows(), 0, n, nil)
				listed, _ := flat.Search(query, space, a.Rows(), slots, nil)
				if len(hits) != k || !slices.Equal(hits, listed) {
					t.Fatalf("%v %v: %d hits in a range, %d of a list", d, m, len(hits), len(listed))
				}
				for i, h := range hits {
					if exact := decoded(space, q, vectors[h.Slot]); math.Abs(float64(h.Dist)-exact) > 1e-5*(1+math.Abs(exact)) || math.Abs(exact-want[i]) > 1e-5*(1+math.Abs(exact)) {
						t.Fatalf("%v %v: hit %d at %v, truly at %v, the sort has %v", d, m, i, h.Dist, exact, want[i])
					}
				}
			}
		}
	}
}

package quant

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// What a code is worth, turned and centred, in float64.
func worth(a *Affine, row []byte) []float64 {
	x := make([]float64, a.dim())
	for d := range x {
		var c int
		if a.bits == 4 {
			c = int(row[d/32*16+d%16]) >> (d % 32 / 16 * 4) & 15
		} else {
			c = int(row[d])
		}
		x[d] = float64(c) - float64(a.levels())/2
	}
	return x
}

// A code asks as the vector would that it stands for: the product of what both
// are worth, and the ends that their heads have.
func TestAskCode(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	for _, bits := range []int{4, 8} {
		for _, m := range []index.Metric{index.Cosine, index.Dot, index.Euclid} {
			for _, dim := range []int{1, 3, 15, 16, 17, 31, 32, 33, 63, 64, 100, 128, 200} {
				mean := make([]float32, dim)
				for d := range mean {
					mean[d] = rng.Float32()
				}
				a := NewAffine(AffineOptions{Metric: m, Dim: dim, Bits: bits, Seed: 5}, mean)
				stride := a.RowBytes()
				rows, vectors := make([]byte, 9*stride), make([][]float32, 9)
				var s Scratch
				for i := range vectors {
					v := make([]float32, dim)
					for d := range v {
						v[d] = mean[d] + float32(rng.NormFloat64())
					}
					vectors[i] = v
					a.Encode(rows[i*stride:][:stride], v, &s)
				}
				vectors[8] = mean // its code has no length
				a.Encode(rows[8*stride:], mean, &s)
				checkAskCode(t, a, rows, vectors)
			}
		}
	}
}

func checkAskCode(t *testing.T, a *Affine, rows []byte, vectors [][]float32) {
	t.Helper()
	stride := a.RowBytes()
	ids := []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8}
	out := make([]float32, len(ids))
	all := make([][]float32, len(ids))
	var q Query
	for i := range ids {
		a.AskCode(rows[i*stride:][:stride], &q)
		q.Distances(unsafe.Pointer(&rows[0]), stride, ids, out)
		all[i] = append([]float32(nil), out...)
	}
	for i := range ids {
		for j := range ids {
			x, y := worth(a, rows[i*stride:]), worth(a, rows[j*stride:])
			want, size := 0., 0.
			for d := range x {
				want += x[d] * y[d]
			}
			p, n := scaleOf(a, vectors[i], x)
			r, o := scaleOf(a, vectors[j], y)
			want *= p * r
			switch a.metric {
			case index.Euclid:
				want, size = n+o-2*want, n+o
			default:
				mm, mv, mw := 0., 0., 0.
				for d, f := range a.mean {
					mm, mv, mw = mm+float64(f*f), mv+float64(f*vectors[i][d]), mw+float64(f*vectors[j][d])
				}
				want, size = mm-mv-mw-want, mm+n+o
			}
			room := 1e-4
			if a.headAt() == simd.InCodes { // of eight bits
				room = 1. / 64
			}
			if got := float64(all[i][j]); math.Abs(got-want) > room*(size+1) {
				t.Fatalf("%d bits, %v, %d dims: code %d to %d is %v, want %v", a.bits, a.metric, a.dim(), i, j, got, want)
			}
			if d := math.Abs(float64(all[i][j] - all[j][i])); d > 1e-4*(size+1) {
				t.Fatalf("%d bits, %v, %d dims: %v there, %v back", a.bits, a.metric, a.dim(), all[i][j], all[j][i])
			}
		}
	}
}

// scaleOf is the length of a code's step, and the centred vector's squared length.
func scaleOf(a *Affine, v []float32, worth []float64) (scale, norm float64) {
	x := make([]float32, a.dim())
	a.centred(x, v)
	along := 0.
	for d, f := range x {
		norm, along = norm+float64(f)*float64(f), along+float64(f)*worth[d]
	}
	if along <= 0 {
		return 0, norm
	}
	return norm / along, norm
}

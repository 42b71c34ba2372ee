package simd

import "github.com/kithdb/kith/index"

// AddColumn adds to out[i] what one dimension adds to the distance from a vector,
// which has x there, to point i, which has column[i]: −x·column[i] for Dot and
// Cosine, the square of the difference for Euclid, its size for Manhattan. Points
// that lie side by side dimension by dimension are measured so all at once,
// however few dimensions they have. It panics if column is shorter than out.
func AddColumn(m index.Metric, out, points []float32, x float32) {
	column(m, out, points[:len(out)], x)
}

func columnScalar(m index.Metric, out, column []float32, x float32) {
	column = column[:len(out)]
	switch m {
	case index.Euclid:
		for i, c := range column {
			d := x - c
			out[i] += d * d
		}
	case index.Manhattan:
		for i, c := range column {
			d := x - c
			out[i] += max(d, -d)
		}
	default:
		for i, c := range column {
			out[i] -= x * c
		}
	}
}

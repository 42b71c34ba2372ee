package index

import "math"

// Score turns an internal distance into the contract's score: the dot product
// for Dot and Cosine, the root for Euclid, the distance itself for Manhattan.
func (m Metric) Score(dist float32) float32 {
	switch m {
	case Euclid:
		return float32(math.Sqrt(float64(max(dist, 0))))
	case Manhattan:
		return dist
	default:
		if dist == 0 {
			return 0 // never −0
		}
		return -dist
	}
}

// HigherIsBetter reports the direction of the contract's scores.
func (m Metric) HigherIsBetter() bool { return m == Cosine || m == Dot }

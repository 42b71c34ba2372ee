package simd

import "unsafe"

func code8RowsScalar(c *Codes, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	for i, id := range ids {
		row := unsafe.Add(base, int(id)*stride)
		codes := unsafe.Slice((*uint8)(row), len(c.Query))
		var sum int32
		for d, q := range c.Query {
			sum += int32(q) * int32(codes[d])
		}
		out[i] = c.distance(c.headOf(row), sum)
	}
}

func code4RowsScalar(c *Codes, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	const half = codeBlock / 2
	for i, id := range ids {
		row := unsafe.Add(base, int(id)*stride)
		codes := unsafe.Slice((*uint8)(row), len(c.Query)/2)
		var sum int32
		for at, b := range codes {
			d := at/half*codeBlock + at%half
			sum += int32(c.Query[d])*int32(b&15) + int32(c.Query[d+half])*int32(b>>4)
		}
		out[i] = c.distance(c.headOf(row), sum)
	}
}

// distance is the distance to a row, whose add and mul are given, from the sum of
// its products. Each operation is rounded, whether or not the processor can fuse
// them: every kernel gives the same bits.
func (c *Codes) distance(head [2]float32, sum int32) float32 {
	inner := float32(c.Mul*float32(sum)) + c.Bias
	return c.Add + head[0] + float32(head[1]*inner)
}

// hadamardScalar is the fast Walsh-Hadamard transform, in place; len(v) is a
// power of two.
func hadamardScalar(v []float32) {
	for h := 1; h < len(v); h *= 2 {
		for i := 0; i < len(v); i += 2 * h {
			a, b := v[i:i+h], v[i+h:i+2*h]
			for j := range a {
				a[j], b[j] = a[j]+b[j], a[j]-b[j]
			}
		}
	}
}

func multiplyScalar(v, by []float32) {
	by = by[:len(v)]
	for i := range v {
		v[i] *= by[i]
	}
}

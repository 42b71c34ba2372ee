package simd

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// cutScalar cuts a query, whose length is whole words, into planes, the most
// significant first.
func cutScalar(words []uint64, query []int16, planes int) {
	size := len(query) / bitWord
	clear(words)
	for d, q := range query {
		for p := range planes {
			words[p*size+d/bitWord] |= uint64(uint16(q)>>(planes-1-p)&1) << (d % bitWord)
		}
	}
}

// bitRowsScalar: the first plane is the sign's, which counts negative, and each
// one is worth twice the next.
func bitRowsScalar(b *Bits, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	size := len(b.planes) / b.count
	count := countSet
	if b.form == Shared {
		count = countShared
	}
	c := Codes{Add: b.Add, Mul: b.Mul, Bias: b.Bias}
	for i, id := range ids {
		row := unsafe.Add(base, int(id)*stride)
		codes := unsafe.Slice((*[8]byte)(unsafe.Add(row, CodeHead)), b.form.all(b.words))
		var sum int32
		for p := range b.count {
			n := count(b.planes[p*size:(p+1)*size], codes)
			if p == 0 {
				n = -n
			}
			sum = 2*sum + n
		}
		out[i] = c.distance(*(*[2]float32)(row), sum)
	}
}

// countSet is the dimensions of a plane that a row has, too.
func countSet(plane []uint64, row [][8]byte) (n int32) {
	for w, set := range plane {
		n += int32(bits.OnesCount64(set & binary.LittleEndian.Uint64(row[w][:])))
	}
	return n
}

// countShared is what a plane counts in a row whose halves share sizes: three times
// where there is a sign, once where it is as the size.
func countShared(plane []uint64, row [][8]byte) (n int32) {
	half := len(plane) / 2
	sizes := row[len(plane):]
	for w, set := range plane {
		sign, at := binary.LittleEndian.Uint64(row[w][:]), w
		if at >= half {
			at -= half
		}
		large := binary.LittleEndian.Uint64(sizes[at][:])
		n += int32(3*bits.OnesCount64(set&sign) + bits.OnesCount64(set&^(sign^large)))
	}
	return n
}

func fastScanScalar(luts []uint8, blocks unsafe.Pointer, out []uint16) {
	const half = FastScanRows / 2
	for len(out) > 0 {
		clear(out[:FastScanRows])
		for s := 0; s < len(luts); s += FastScanTable {
			table := luts[s : s+FastScanTable]
			for i, b := range unsafe.Slice((*byte)(unsafe.Add(blocks, s)), half) {
				out[i] += uint16(table[b&15])
				out[i+half] += uint16(table[b>>4])
			}
		}
		blocks = unsafe.Add(blocks, len(luts))
		out = out[FastScanRows:]
	}
}

package simd

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// cutScalar puts the dimensions of a query from one on into planes, which are 0
// there.
func (b *Bits) cutScalar(query []int16, from int) {
	size := len(b.words) / b.planes
	for i, q := range query[from:] {
		word, bit := (from+i)/bitWord, (from+i)%bitWord
		for p := range b.planes {
			b.words[p*size+word] |= uint64(uint16(q)>>(b.planes-1-p)&1) << bit
		}
	}
}

// bitRowsScalar: the first plane is the sign's, which counts negative, and each
// one is worth twice the next.
func bitRowsScalar(b *Bits, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	size := len(b.words) / b.planes
	c := Codes{Add: b.Add, Mul: b.Mul, Bias: b.Bias}
	for i, id := range ids {
		row := unsafe.Add(base, int(id)*stride)
		codes := unsafe.Slice((*[8]byte)(unsafe.Add(row, CodeHead)), size)
		var sum int32
		for p := range b.planes {
			count := int32(0)
			for w, plane := range b.words[p*size : (p+1)*size] {
				count += int32(bits.OnesCount64(plane & binary.LittleEndian.Uint64(codes[w][:])))
			}
			if p == 0 {
				count = -count
			}
			sum = 2*sum + count
		}
		out[i] = c.distance(*(*[2]float32)(row), sum)
	}
}

// sharedRowsScalar: as bitRowsScalar; the dimensions of a plane that are set count
// three times where the row's bit is, and once more where it is as its size.
func sharedRowsScalar(b *Bits, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	size := len(b.words) / b.planes
	half := size / 2
	c := Codes{Add: b.Add, Mul: b.Mul, Bias: b.Bias}
	for i, id := range ids {
		row := unsafe.Add(base, int(id)*stride)
		codes := unsafe.Slice((*[8]byte)(unsafe.Add(row, CodeHead)), size+half)
		sizes := codes[size:]
		var sum int32
		for p := range b.planes {
			count := int32(0)
			for w, plane := range b.words[p*size : (p+1)*size] {
				sign, at := binary.LittleEndian.Uint64(codes[w][:]), w
				if at >= half {
					at -= half
				}
				large := binary.LittleEndian.Uint64(sizes[at][:])
				count += int32(3*bits.OnesCount64(plane&sign) + bits.OnesCount64(plane&^(sign^large)))
			}
			if p == 0 {
				count = -count
			}
			sum = 2*sum + count
		}
		out[i] = c.distance(*(*[2]float32)(row), sum)
	}
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

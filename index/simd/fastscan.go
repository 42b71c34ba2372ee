package simd

import (
	"unsafe"

	"github.com/kithdb/kith/index/invariant"
)

const (
	// FastScanRows is how many vectors a block of FastScan holds.
	FastScanRows = 32
	// FastScanTable is the entries of a sub-quantiser's table: one for each value
	// of its 4-bit code.
	FastScanTable = 16
)

// FastScanBytes is the size of a block of m sub-quantisers.
func FastScanBytes(m int) int { return m * FastScanRows / 2 }

// PutFastScan writes the code, 0 to 15, that sub-quantiser s gives the vector i
// of a block. Each sub-quantiser has 16 bytes: byte i holds the code of vector i
// in its low half and that of vector 16+i in its high half.
func PutFastScan(block []byte, s, i int, code byte) {
	at, shift := s*FastScanTable+i%16, i/16*4
	block[at] = block[at]&^(15<<shift) | code&15<<shift
}

// FastScan adds up, for each of a block's 32 vectors, what the tables say of its
// codes: out[i] = Σ luts[16·s + code of i in s]. The tables of m sub-quantisers
// lie one behind the other. A sum that does not fit wraps: let the greatest
// entries of all tables add up to no more than 65535, which 257 tables of any
// content do.
//
// After "Quicker ADC" (André and others, arXiv 1812.09162) and Faiss: a table is
// a register, and one shuffle looks up 16 vectors.
func FastScan(luts []uint8, block unsafe.Pointer, m int, out *[FastScanRows]uint16) {
	FastScanBlocks(luts, block, m, out[:])
}

// FastScanBlocks is FastScan of len(out)/32 blocks, one behind the other.
func FastScanBlocks(luts []uint8, blocks unsafe.Pointer, m int, out []uint16) {
	invariant.Check(len(luts) >= m*FastScanTable, "fewer tables than sub-quantisers")
	invariant.Check(len(out)%FastScanRows == 0, "half a block of sums")
	invariant.Check(blocks != nil || m == 0 || len(out) == 0, "a block of nothing")
	if len(out) == 0 {
		return
	}
	fastScan(luts[:m*FastScanTable], blocks, out)
}

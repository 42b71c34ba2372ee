package storage

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// littleEndian says whether float32 in memory has the bytes of its stored form.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// putFloats writes the stored form of v; dst has 4 bytes per value.
func putFloats(dst []byte, v []float32) {
	if littleEndian && len(v) > 0 {
		copy(dst, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v)))
		return
	}
	for i, x := range v {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
	}
}

// CopyFloats fills dst from a vector's stored form, as ScanVectors yields it,
// and returns how many values it copied: as many as both have room for.
func CopyFloats(dst []float32, raw []byte) int {
	n := min(len(dst), len(raw)/4)
	if n == 0 {
		return 0
	}
	if littleEndian {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 4*n), raw[:4*n])
		return n
	}
	for i := range n {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return n
}

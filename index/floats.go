package index

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// littleEndian says whether float32 in memory has the bytes of its stored form.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func putFloats(row []byte, v []float32) {
	row = row[:4*len(v)]
	if littleEndian && len(v) > 0 {
		copy(row, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v)))
		return
	}
	for i, x := range v {
		binary.LittleEndian.PutUint32(row[4*i:], math.Float32bits(x))
	}
}

func getFloats(v []float32, row []byte) {
	row = row[:4*len(v)]
	if littleEndian && len(v) > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v)), row)
		return
	}
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(row[4*i:]))
	}
}

package filter

import (
	"encoding/binary"
	"math/bits"

	"github.com/kithdb/kith/storage/point"
)

// Holds reports whether a point belongs to the slice. The contract fixes the
// hash, so that clients which share out a scan agree on any server: SipHash-2-4
// with a zero key, over the eight little-endian bytes of a number or the sixteen
// bytes of a UUID.
func (s *Slice) Holds(id point.ID) bool {
	var text [16]byte
	n := 8
	if id.IsUUID() {
		n = 16
		hi, lo := id.Words()
		binary.BigEndian.PutUint64(text[:], hi)
		binary.BigEndian.PutUint64(text[8:], lo)
	} else {
		binary.LittleEndian.PutUint64(text[:], id.Uint64())
	}
	return siphash(text[:n])%s.Total == s.Index
}

// sip is the state of SipHash.
type sip struct{ v0, v1, v2, v3 uint64 }

// siphash is SipHash-2-4 with a zero key, for texts of whole 8-byte words.
func siphash(text []byte) uint64 {
	s := sip{0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261, 0x7465646279746573}
	last := uint64(len(text)) << 56
	for ; len(text) >= 8; text = text[8:] {
		s.word(binary.LittleEndian.Uint64(text))
	}
	s.word(last)
	s.v2 ^= 0xff
	for range 4 {
		s.round()
	}
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3
}

func (s *sip) word(w uint64) {
	s.v3 ^= w
	s.round()
	s.round()
	s.v0 ^= w
}

func (s *sip) round() {
	s.v0 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v0 = bits.RotateLeft64(s.v0, 32)
	s.v2 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v2 = bits.RotateLeft64(s.v2, 32)
}

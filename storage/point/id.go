// Package point holds what a user stores: a point's id, vectors and payload,
// and the selectors that say which of it to read back.
//
// It is a leaf and knows no wire format but the spelling of ids.
package point

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/google/uuid"
)

// KeyLen is the length of an id's key form.
const KeyLen = 17

const (
	tagNumber = 1
	tagUUID   = 2
)

// ID is a point's external id: an unsigned 64-bit integer or a UUID. The zero
// value is the integer 0. IDs are comparable and order as Compare says.
type ID struct {
	hi, lo uint64
	isUUID bool
}

// Number is the id of an integer.
func Number(n uint64) ID { return ID{lo: n} }

// UUID is the id of a UUID's 16 bytes.
func UUID(b [16]byte) ID {
	return ID{hi: binary.BigEndian.Uint64(b[:8]), lo: binary.BigEndian.Uint64(b[8:]), isUUID: true}
}

// ParseUUID reads any of a UUID's usual spellings: hyphenated, plain hex, in
// braces, or as urn:uuid.
func ParseUUID(s string) (ID, error) {
	u, err := uuid.Parse(s)
	if err != nil {
		return ID{}, fmt.Errorf("%q is not a valid point ID: use an unsigned integer or a UUID", clip(s))
	}
	return UUID(u), nil
}

// Parse reads an id as a path segment or a command line spells it.
func Parse(s string) (ID, error) {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return Number(n), nil
	}
	return ParseUUID(s)
}

func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// IsUUID tells a UUID from an integer.
func (id ID) IsUUID() bool { return id.isUUID }

// Uint64 is the integer's value; 0 for a UUID.
func (id ID) Uint64() uint64 {
	if id.isUUID {
		return 0
	}
	return id.lo
}

// Words are the id's 128 bits; hi is 0 for an integer.
func (id ID) Words() (hi, lo uint64) { return id.hi, id.lo }

// FromWords is the inverse of Words and IsUUID.
func FromWords(hi, lo uint64, isUUID bool) ID { return ID{hi: hi, lo: lo, isUUID: isUUID} }

// String is the canonical spelling: decimal, or lower-case hyphenated.
func (id ID) String() string {
	if !id.isUUID {
		return strconv.FormatUint(id.lo, 10)
	}
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], id.hi)
	binary.BigEndian.PutUint64(u[8:], id.lo)
	return u.String()
}

// AppendJSON appends the id as the contract spells it: a number or a string.
func (id ID) AppendJSON(dst []byte) []byte {
	if !id.isUUID {
		return strconv.AppendUint(dst, id.lo, 10)
	}
	dst = append(dst, '"')
	dst = append(dst, id.String()...)
	return append(dst, '"')
}

// Compare orders ids: integers by value, before UUIDs by bytes.
func Compare(a, b ID) int {
	if a.isUUID != b.isUUID {
		if b.isUUID {
			return -1
		}
		return 1
	}
	if a.hi != b.hi {
		if a.hi < b.hi {
			return -1
		}
		return 1
	}
	switch {
	case a.lo < b.lo:
		return -1
	case a.lo > b.lo:
		return 1
	}
	return 0
}

// AppendKey appends the id's KeyLen-byte key form, whose byte order is Compare's.
func (id ID) AppendKey(dst []byte) []byte {
	tag := byte(tagNumber)
	if id.isUUID {
		tag = tagUUID
	}
	dst = append(dst, tag)
	dst = binary.BigEndian.AppendUint64(dst, id.hi)
	return binary.BigEndian.AppendUint64(dst, id.lo)
}

// FromKey reads the key form.
func FromKey(b []byte) (ID, error) {
	if len(b) != KeyLen || b[0] != tagNumber && b[0] != tagUUID {
		return ID{}, errors.New("not the key form of a point id")
	}
	return ID{hi: binary.BigEndian.Uint64(b[1:9]), lo: binary.BigEndian.Uint64(b[9:]), isUUID: b[0] == tagUUID}, nil
}

// Hash spreads ids over shards: stable for ever, since it decides where a point
// lives. (The finaliser of MurmurHash3, over both words.)
func (id ID) Hash() uint64 {
	h := mix(id.lo)
	if id.isUUID {
		h = mix(h ^ bits.RotateLeft64(mix(id.hi), 31))
	}
	return h
}

func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

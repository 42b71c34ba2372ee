package client

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// ID is a point's id: an unsigned 64-bit integer or a UUID. The zero value is
// the integer 0. IDs of one spelling are comparable with ==; a UUID that the
// server answers is in lower case with hyphens.
type ID struct {
	number uint64
	uuid   string
}

// Number is the id of an integer.
func Number(n uint64) ID { return ID{number: n} }

// UUID is the id of a UUID in any usual spelling; the server checks it.
func UUID(s string) ID { return ID{uuid: strings.ToLower(s)} }

// ParseID reads an integer, or takes the text for a UUID.
func ParseID(s string) ID {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return Number(n)
	}
	return UUID(s)
}

// Uint64 is the integer; false for a UUID.
func (id ID) Uint64() (uint64, bool) { return id.number, id.uuid == "" }

// String spells the id.
func (id ID) String() string {
	if id.uuid != "" {
		return id.uuid
	}
	return strconv.FormatUint(id.number, 10)
}

// MarshalJSON writes a number, or a string for a UUID.
func (id ID) MarshalJSON() ([]byte, error) { return id.append(nil), nil }

func (id ID) append(dst []byte) []byte {
	if id.uuid == "" {
		return strconv.AppendUint(dst, id.number, 10)
	}
	text, _ := json.Marshal(id.uuid) // a string always encodes
	return append(dst, text...)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (id *ID) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*id = UUID(s)
		return nil
	}
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is not a point id", b)
	}
	*id = Number(n)
	return nil
}

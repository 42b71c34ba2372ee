package wire

import (
	"slices"
	"strings"
)

// Priorities are the contract's words for which state wins a recovery.
var Priorities = []string{"no_sync", "snapshot", "replica"}

// Recovery is the body of a recovery.
type Recovery struct {
	Location string
	Checksum string // SHA-256 in hex, "" when none was given
	APIKey   string
}

// SnapshotRecover reads the body of a recovery.
func SnapshotRecover(body []byte) (Recovery, error) {
	return whole(body, func(s *scanner, _ string) (r Recovery, err *Error) {
		err = s.object("", func(key string) (err *Error) {
			switch key {
			case "location":
				r.Location, err = s.text(key)
			case "priority":
				err = s.optional(func() *Error { return s.priority(key) })
			case "checksum":
				err = s.optional(func() (err *Error) { r.Checksum, err = s.text(key); return err })
			case "api_key":
				err = s.optional(func() (err *Error) { r.APIKey, err = s.text(key); return err })
			default:
				err = s.unknown(key)
			}
			return err
		})
		if err == nil && r.Location == "" {
			err = wrong("location", "missing")
		}
		return r, err
	})
}

// optional reads a value unless it is null.
func (s *scanner) optional(read func() *Error) *Error {
	if s.null() {
		return nil
	}
	return read()
}

func (s *scanner) priority(field string) *Error {
	text, err := s.text(field)
	if err == nil && !slices.Contains(Priorities, text) {
		err = wrong(field, "%q is none of %s", text, strings.Join(Priorities, ", "))
	}
	return err
}

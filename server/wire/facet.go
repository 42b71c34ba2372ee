package wire

import (
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/query"
)

// Facet reads a request for the values of a field. Whether the counts may be
// inexact does not matter: ours are exact.
func Facet(body []byte) (query.FacetRequest, error) {
	return whole(body, func(s *scanner, field string) (query.FacetRequest, *Error) {
		r := query.FacetRequest{Limit: DefaultLimit}
		seen := false
		err := s.object(field, func(key string) (err *Error) {
			if key == "key" {
				seen = true
				r.Field, err = s.keyPath(key)
				return err
			}
			if s.null() {
				return nil
			}
			switch key {
			case "limit":
				r.Limit, err = s.count(key, 1)
			case "filter":
				r.Filter, _, err = s.filter(key)
			case "exact":
				r.Exact, err = s.boolean(key)
			case "shard_key":
				err = s.shardKey(key)
			default:
				err = s.unknown(key)
			}
			return err
		})
		if err == nil && !seen {
			err = wrong("key", "missing")
		}
		return r, err
	})
}

// keyPath eats a payload path and answers it as it was written.
func (s *scanner) keyPath(field string) (string, *Error) {
	text, err := s.text(field)
	if err != nil {
		return "", err
	}
	if _, fault := filter.ParsePath(text); fault != nil {
		return "", wrong(field, "%q is not a payload path: use a.b, a[].b or \"quoted.key\"", text)
	}
	return text, nil
}

// What a matrix has unless asked otherwise.
const (
	defaultSample = 10
	defaultNear   = 3
)

// Matrix reads a request for the distances within a sample.
func Matrix(body []byte) (query.MatrixRequest, error) {
	return whole(body, func(s *scanner, field string) (query.MatrixRequest, *Error) {
		r := query.MatrixRequest{Sample: defaultSample, Limit: defaultNear}
		err := s.object(field, func(key string) (err *Error) {
			if s.null() {
				return nil
			}
			switch key {
			case "sample":
				r.Sample, err = s.count(key, 2)
			case "limit":
				r.Limit, err = s.count(key, 1)
			case "filter":
				r.Filter, _, err = s.filter(key)
			case "using":
				r.Using, err = s.text(key)
			case "shard_key":
				err = s.shardKey(key)
			default:
				err = s.unknown(key)
			}
			return err
		})
		return r, err
	})
}

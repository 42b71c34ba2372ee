package wire

import (
	"github.com/kithdb/kith/query"
)

// Query reads one query. Its vector is as given: prepare it before it is run.
func Query(body []byte) (query.Request, error) { return whole(body, (*scanner).query) }

// Queries reads a batch of queries.
func Queries(body []byte) ([]query.Request, error) { return whole(body, batchOf((*scanner).query)) }

// Search reads a query in the contract's older form, with a vector and no
// variants.
func Search(body []byte) (query.Request, error) { return whole(body, (*scanner).search) }

// Searches reads a batch in the older form.
func Searches(body []byte) ([]query.Request, error) { return whole(body, batchOf((*scanner).search)) }

func batchOf(one func(*scanner, string) (query.Request, *Error)) func(*scanner, string) ([]query.Request, *Error) {
	return func(s *scanner, _ string) (out []query.Request, err *Error) {
		seen := false
		err = s.object("", func(key string) *Error {
			if key != "searches" {
				return s.unknown(key)
			}
			seen = true
			return s.array(key, func(i int) *Error {
				r, err := one(s, at(key, i))
				out = append(out, r)
				return err
			})
		})
		if err == nil && !seen {
			err = wrong("searches", "missing")
		}
		return out, err
	}
}

func (s *scanner) query(field string) (query.Request, *Error) {
	r := query.Request{Limit: DefaultLimit}
	err := s.object(field, func(key string) *Error { return s.queryKey(&r, key, under(field, key)) })
	return r, err
}

// queryKey eats the value of a query's key.
func (s *scanner) queryKey(r *query.Request, key, name string) (err *Error) {
	if s.null() {
		return nil
	}
	switch key {
	case "query":
		err = s.variant(r, name)
	case "using":
		r.Using, err = s.text(name)
	case "prefetch":
		err = s.prefetch(name)
	case "lookup_from":
		r.LookupFrom, err = s.lookupFrom(name)
	default:
		err = s.common(r, key, name)
	}
	return err
}

// prefetch accepts the empty list that some clients send.
func (s *scanner) prefetch(field string) *Error {
	if s.peek() != '[' {
		return s.notYet(field)
	}
	return s.array(field, func(i int) *Error { return unsupported(at(field, i), "a prefetch") })
}

// common eats the keys that queries of either form share.
func (s *scanner) common(r *query.Request, key, name string) (err *Error) {
	switch key {
	case "filter":
		r.Filter, _, err = s.filter(name)
	case "params":
		err = s.params(r, name)
	case "score_threshold":
		var v float32
		v, err = s.finite(name)
		r.ScoreThreshold = &v
	case "limit":
		r.Limit, err = s.count(name, 1)
	case "offset":
		r.Offset, err = s.count(name, 0)
	case "with_payload":
		r.Select.Payload, err = s.withPayload(name)
	case "with_vector":
		r.Select.Vector, err = s.withVector(name)
	case "shard_key":
		err = s.shardKey(name)
	default:
		err = s.unknown(name)
	}
	return err
}

func (s *scanner) finite(field string) (float32, *Error) {
	s.space()
	v, ok := s.float()
	if !ok {
		return 0, s.fail(field, "a number")
	}
	return v, nil
}

// variants are the forms of a query that the contract has and this version has
// not.
var variants = map[string]bool{
	"recommend": true, "discover": true, "context": true, "order_by": true, "fusion": true, "rrf": true,
	"formula": true, "sample": true, "relevance_feedback": true,
}

// variant eats what to search for: a vector, an id, or {"nearest": either}.
func (s *scanner) variant(r *query.Request, field string) *Error {
	if s.peek() != '{' {
		return s.target(r, field)
	}
	n := 0
	err := s.object(field, func(key string) *Error {
		name := under(field, key)
		switch {
		case key == "nearest":
			n++
			return s.target(r, name)
		case variants[key]:
			return unsupported(name, "the query variant")
		case key == "mmr":
			return s.notYet(name)
		case key == "indices" || key == "values":
			return unsupported(field, "a sparse vector")
		case key == "text" || key == "image" || key == "object" || key == "model":
			return unsupported(field, "an inference object")
		}
		return wrong(name, "unknown query variant; use a vector, an id, or {\"nearest\": …}")
	})
	if err == nil && n == 0 {
		err = wrong(field, "the query variant is missing; use a vector, an id, or {\"nearest\": …}")
	}
	return err
}

func (s *scanner) target(r *query.Request, field string) (err *Error) {
	switch s.peek() {
	case '[':
		r.Vector, err = s.floats(make([]float32, 0, s.items()), field)
	case '{':
		err = unsupported(field, "a sparse vector or an inference object")
	default:
		id, fault := s.id(field)
		r.PointID, err = &id, fault
	}
	return err
}

func (s *scanner) params(r *query.Request, field string) *Error {
	recall := false
	err := s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		if s.null() {
			return nil
		}
		switch key {
		case "hnsw_ef":
			r.Ef, err = s.count(name, 1)
		case "recall":
			recall = true
			err = s.recall(r, name)
		case "exact":
			r.Exact, err = s.boolean(name)
		case "indexed_only":
			r.IndexedOnly, err = s.boolean(name)
		case "quantization":
			err = s.quantizationParams(r, name)
		case "acorn":
			err = s.fieldsOf(name, acornShape) // a hint on how to search; there is one way
		case "idf":
			err = s.notYet(name)
		default:
			err = s.unknown(name)
		}
		return err
	})
	if err == nil && recall && r.Ef > 0 {
		return wrong(field, "hnsw_ef and recall exclude each other: give the breadth or the recall that it should reach")
	}
	return err
}

// recall eats the recall that a query should reach (ours, added to the
// contract). All of it is what exact search gives.
func (s *scanner) recall(r *query.Request, field string) *Error {
	v, err := s.float64(field)
	if err != nil {
		return err
	}
	switch {
	case !(*v > 0 && *v <= 1):
		return wrong(field, "%v is out of range: use a share above 0 and up to 1, such as 0.95", *v)
	case *v == 1:
		r.Exact = true
	default:
		r.Recall = *v
	}
	return nil
}

// quantizationParams eats how to search in codes.
func (s *scanner) quantizationParams(r *query.Request, field string) *Error {
	return s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		if s.null() {
			return nil
		}
		switch key {
		case "ignore":
			r.NoCodes, err = s.boolean(name)
		case "rescore":
			var on bool
			on, err = s.boolean(name)
			r.NoRescore = !on
		case "oversampling":
			var v *float64
			if v, err = s.float64(name); err != nil {
				return err
			}
			if *v < 1 {
				return bound(name, "value %v invalid, must be 1.0 or larger", *v)
			}
			r.Oversampling = *v
		default:
			err = s.unknown(name)
		}
		return err
	})
}

// search eats a query of the older form.
func (s *scanner) search(field string) (query.Request, *Error) {
	r := query.Request{}
	hasLimit := false
	err := s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		if s.null() {
			return nil
		}
		switch key {
		case "vector":
			return s.named(&r, name)
		case "limit":
			hasLimit = true
		}
		return s.common(&r, key, name)
	})
	switch {
	case err != nil:
		return r, err
	case r.Vector == nil:
		return r, wrong(under(field, "vector"), "missing")
	case !hasLimit:
		return r, wrong(under(field, "limit"), "missing")
	}
	return r, nil
}

// named eats a vector, or {"name", "vector"}.
func (s *scanner) named(r *query.Request, field string) (err *Error) {
	if s.peek() == '[' {
		return s.target(r, field)
	}
	return s.object(field, func(key string) (err *Error) {
		switch name := under(field, key); key {
		case "name":
			r.Using, err = s.text(name)
		case "vector":
			err = s.target(r, name)
		default:
			err = s.unknown(name)
		}
		return err
	})
}

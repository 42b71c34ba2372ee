package wire

import (
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/point"
)

// Retrieve is a request for points by id.
type Retrieve struct {
	IDs    []point.ID
	Select point.Selector
}

// Points reads a request for points by id; payloads come along by default.
func Points(body []byte) (Retrieve, error) {
	return whole(body, func(s *scanner, field string) (Retrieve, *Error) {
		r := Retrieve{Select: point.Selector{Payload: point.PayloadSelector{Enable: true}}}
		err := s.object(field, func(key string) (err *Error) {
			switch key {
			case "ids":
				r.IDs, err = s.ids(key)
			case "shard_key":
				err = s.shardKey(key)
			default:
				err = s.selectors(&r.Select, key)
			}
			return err
		})
		if err == nil && r.IDs == nil {
			err = wrong("ids", "missing")
		}
		return r, err
	})
}

// selectors eats with_payload or with_vector; any other key is unknown. A null
// leaves the default.
func (s *scanner) selectors(sel *point.Selector, key string) (err *Error) {
	if s.null() {
		return nil
	}
	switch key {
	case "with_payload":
		sel.Payload, err = s.withPayload(key)
	case "with_vector":
		sel.Vector, err = s.withVector(key)
	default:
		err = s.unknown(key)
	}
	return err
}

// DefaultLimit is how many points a page or a query answers unless asked.
const DefaultLimit = 10

// Scroll reads a request for a page of points.
func Scroll(body []byte) (query.ScrollRequest, error) {
	return whole(body, func(s *scanner, field string) (query.ScrollRequest, *Error) {
		r := query.ScrollRequest{Limit: DefaultLimit, Select: point.Selector{Payload: point.PayloadSelector{Enable: true}}}
		err := s.object(field, func(key string) (err *Error) {
			if s.null() {
				return nil
			}
			switch key {
			case "filter":
				r.Filter, _, err = s.filter(key)
			case "limit":
				r.Limit, err = s.count(key, 1)
			case "offset":
				var id point.ID
				id, err = s.id(key)
				r.From = &id
			case "order_by":
				r.OrderBy, err = s.orderBy(key)
			case "shard_key":
				err = s.shardKey(key)
			default:
				err = s.selectors(&r.Select, key)
			}
			return err
		})
		if err == nil && r.OrderBy != nil && r.From != nil {
			err = wrong("offset", "not supported together with order_by; use order_by.start_from")
		}
		return r, err
	})
}

// Count reads a request for a count.
func Count(body []byte) (query.CountRequest, error) {
	return whole(body, func(s *scanner, field string) (query.CountRequest, *Error) {
		r := query.CountRequest{Exact: true}
		err := s.object(field, func(key string) (err *Error) {
			if s.null() {
				return nil
			}
			switch key {
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
		return r, err
	})
}

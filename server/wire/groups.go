package wire

import (
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/point"
)

// Groups is a request for groups, and where to look up the points that they are
// named after.
type Groups struct {
	query.GroupsRequest
	Field  string // of the payload, as it was written
	Lookup *Lookup
}

// Lookup names another collection, and what to read of its points.
type Lookup struct {
	Collection string
	Select     point.Selector
}

const defaultGroupSize = 3

// QueryGroups reads a query whose answer is grouped.
func QueryGroups(body []byte) (Groups, error) {
	return whole(body, func(s *scanner, field string) (Groups, *Error) {
		g := Groups{GroupsRequest: query.GroupsRequest{Request: query.Request{Limit: DefaultLimit}, Size: defaultGroupSize}}
		err := s.object(field, func(key string) *Error {
			if done, err := s.grouping(&g, key); done {
				return err
			}
			return s.queryKey(&g.Request, key, key)
		})
		return g, g.complete(err)
	})
}

// SearchGroups reads the contract's older form of it, with a vector alone.
func SearchGroups(body []byte) (Groups, error) {
	return whole(body, func(s *scanner, field string) (Groups, *Error) {
		g := Groups{GroupsRequest: query.GroupsRequest{Request: query.Request{}, Size: 0}}
		err := s.object(field, func(key string) *Error {
			if done, err := s.grouping(&g, key); done {
				return err
			}
			if s.null() {
				return nil
			}
			if key == "vector" {
				return s.named(&g.Request, key)
			}
			return s.common(&g.Request, key, key)
		})
		switch {
		case err != nil:
		case g.Vector == nil:
			err = wrong("vector", "missing")
		case g.Limit == 0:
			err = wrong("limit", "missing")
		case g.Size == 0:
			err = wrong("group_size", "missing")
		}
		return g, g.complete(err)
	})
}

func (g *Groups) complete(err *Error) *Error {
	if err == nil && g.Field == "" {
		return wrong("group_by", "missing")
	}
	return err
}

// grouping eats the keys that grouped requests have beyond others; done tells
// whether it was one.
func (s *scanner) grouping(g *Groups, key string) (done bool, err *Error) {
	switch key {
	case "group_by":
		return true, s.groupBy(g, key)
	case "group_size":
		if !s.null() {
			g.Size, err = s.count(key, 1)
		}
	case "with_lookup":
		g.Lookup, err = s.lookup(key)
	case "offset":
		err = s.unknown(key)
	default:
		return false, nil
	}
	return true, err
}

func (s *scanner) groupBy(g *Groups, field string) *Error {
	text, err := s.text(field)
	if err != nil {
		return err
	}
	if text == "" {
		return bound(field, "the value is empty, must be 1 character or longer")
	}
	path, fault := filter.ParsePath(text)
	if fault != nil {
		return wrong(field, "%q is not a payload path: use a.b, a[].b or \"quoted.key\"", text)
	}
	g.Field, g.By = text, path
	return nil
}

// lookup eats a collection's name, or {"collection", "with_payload",
// "with_vectors"}; payloads come along by default.
func (s *scanner) lookup(field string) (*Lookup, *Error) {
	if s.null() {
		return nil, nil
	}
	l := &Lookup{Select: point.Selector{Payload: point.PayloadSelector{Enable: true}}}
	var err *Error
	if s.peek() == '"' {
		l.Collection, err = s.text(field)
		return l, err
	}
	if s.peek() != '{' {
		return nil, s.fail(field, "a collection's name or an object with it")
	}
	err = s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		switch key {
		case "collection":
			l.Collection, err = s.text(name)
		case "with_payload":
			if !s.null() {
				l.Select.Payload, err = s.withPayload(name)
			}
		case "with_vectors", "with_vector":
			l.Select.Vector, err = s.withVector(name)
		default:
			err = s.unknown(name)
		}
		return err
	})
	if err == nil && l.Collection == "" {
		err = wrong(under(field, "collection"), "missing")
	}
	return l, err
}

// lookupFrom eats {"collection", "vector"}.
func (s *scanner) lookupFrom(field string) (*query.LookupFrom, *Error) {
	l := &query.LookupFrom{}
	err := s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		switch {
		case key == "collection":
			l.Collection, err = s.text(name)
		case s.null():
		case key == "vector":
			l.Vector, err = s.text(name)
		case key == "shard_key":
			err = s.shardKey(name)
		default:
			err = s.unknown(name)
		}
		return err
	})
	if err == nil && l.Collection == "" {
		err = wrong(under(field, "collection"), "missing")
	}
	return l, err
}

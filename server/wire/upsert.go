package wire

import (
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
)

// Upsert reads the body of an upsert, in list or in batch (columnar) form.
// Payloads are compact copies, vectors share one array: nothing refers to body.
func Upsert(body []byte) (op.Op, error) { return whole(body, (*scanner).upsert) }

// whole reads a body that is one value and nothing after it.
func whole[T any](body []byte, read func(*scanner, string) (T, *Error)) (T, error) {
	s := &scanner{data: body}
	var zero T
	v, err := read(s, "")
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return zero, err
	}
	return v, nil
}

// upserter gathers points; their vectors are cut out of one array at the end,
// since it moves while it grows.
type upserter struct {
	*scanner
	points []point.Point
	cuts   []cut
	values []float32
	// vectorsOnly: the points have no payload.
	vectorsOnly bool
}

// cut is one vector: points[point]'s, values[from:to].
type cut struct {
	point    int
	name     string
	from, to int
}

func (s *scanner) upsert(field string) (op.Op, *Error) {
	u := &upserter{scanner: s, values: make([]float32, 0, len(s.data)/10)}
	o := op.Op{Kind: op.Upsert}
	seen := false
	err := s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		switch key {
		case "points", "batch":
			if seen {
				return wrong(name, "points and batch are both given; give one of them")
			}
			seen = true
			if key == "batch" {
				return u.batch(name)
			}
			return u.list(name)
		case "update_filter":
			_, o.Filter, err = s.filter(name)
		case "update_mode":
			o.Mode, err = s.updateMode(name)
		case "shard_key":
			err = s.shardKey(name)
		default:
			err = s.unknown(name)
		}
		return err
	})
	if err == nil && !seen {
		err = wrong(under(field, "points"), "missing; give points or batch")
	}
	if err != nil {
		return op.Op{}, err
	}
	u.deal()
	if u.points == nil {
		u.points = []point.Point{}
	}
	o.Points = u.points
	return o, nil
}

// deal gives the points their vectors; the first ones, mostly the only ones,
// share one array.
func (u *upserter) deal() {
	all := make([]point.Vector, 0, len(u.cuts))
	for _, c := range u.cuts {
		p := &u.points[c.point]
		v := point.Vector{Name: c.name, Values: u.values[c.from:c.to:c.to]}
		if n := len(p.Vectors); n > 0 {
			p.Vectors = append(p.Vectors, v)
			continue
		}
		all = append(all, v)
		p.Vectors = all[len(all)-1 : len(all) : len(all)]
	}
}

func (u *upserter) list(field string) *Error {
	return u.array(field, func(i int) *Error {
		err := u.one()
		if err != nil { // paths are made for faults alone: there are many points
			err.Field = under(at(field, i), err.Field)
		}
		return err
	})
}

// one eats a point; faults name their field below it.
func (u *upserter) one() *Error {
	u.points = append(u.points, point.Point{})
	n := len(u.points) - 1
	var hasID, hasVector bool
	err := u.object("", func(key string) (err *Error) {
		switch key {
		case "id":
			hasID = true
			u.points[n].ID, err = u.id(key)
		case "vector":
			hasVector = true
			err = u.vectors(n, key)
		case "payload":
			if u.vectorsOnly {
				return u.unknown(key)
			}
			u.points[n].Payload, err = u.payload(key)
		default:
			err = u.unknown(key)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !hasID:
		return wrong("id", "missing")
	case !hasVector:
		return wrong("vector", "missing; {} stores a point without vectors")
	}
	return nil
}

// vectors eats a point's vector: numbers, or an object of them by name.
func (u *upserter) vectors(n int, field string) *Error {
	switch u.peek() {
	case '[':
		return u.vector(n, "", field)
	case '{':
		return u.object(field, func(key string) *Error {
			if c := u.peek(); c == '{' || c == '"' {
				return unsupported(under(field, key), "a sparse vector or an inference object")
			}
			return u.vector(n, key, under(field, key))
		})
	}
	return u.fail(field, "an array of numbers or an object of them by name")
}

func (u *upserter) vector(n int, name, field string) (err *Error) {
	from := len(u.values)
	u.values, err = u.floats(u.values, field)
	u.cuts = append(u.cuts, cut{n, name, from, len(u.values)})
	return err
}

// batch eats {"ids", "vectors", "payloads"}: columns of equal length.
func (u *upserter) batch(field string) *Error {
	var ids []point.ID
	var payloads [][]byte
	var columns map[string]int // vectors by name
	err := u.object(field, func(key string) (err *Error) {
		name := under(field, key)
		switch key {
		case "ids":
			ids, err = u.scanner.ids(name)
		case "vectors":
			columns, err = u.columns(name)
		case "payloads":
			payloads, err = u.payloads(name)
		default:
			err = u.unknown(name)
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case ids == nil:
		return wrong(under(field, "ids"), "missing")
	case columns == nil:
		return wrong(under(field, "vectors"), "missing")
	}
	for name, n := range columns {
		if n != len(ids) {
			return wrong(under(under(field, "vectors"), name), "%d vectors for %d ids", n, len(ids))
		}
	}
	if payloads != nil && len(payloads) != len(ids) {
		return wrong(under(field, "payloads"), "%d payloads for %d ids", len(payloads), len(ids))
	}
	u.points = make([]point.Point, len(ids))
	for i, id := range ids {
		u.points[i].ID = id
		if payloads != nil {
			u.points[i].Payload = payloads[i]
		}
	}
	return nil
}

func (u *upserter) columns(field string) (map[string]int, *Error) {
	if u.peek() == '[' {
		n, err := u.column("", field)
		return map[string]int{"": n}, err
	}
	out := map[string]int{}
	err := u.object(field, func(key string) (err *Error) {
		out[key], err = u.column(key, under(field, key))
		return err
	})
	return out, err
}

func (u *upserter) column(name, field string) (n int, err *Error) {
	err = u.array(field, func(i int) *Error {
		n = i + 1
		if u.peek() == '{' {
			return unsupported(at(field, i), "a sparse vector or an inference object")
		}
		return u.vector(i, name, at(field, i))
	})
	return n, err
}

func (u *upserter) payloads(field string) (out [][]byte, err *Error) {
	if u.null() {
		return nil, nil
	}
	out = [][]byte{}
	err = u.array(field, func(i int) *Error {
		p, err := u.payload(at(field, i))
		out = append(out, p)
		return err
	})
	return out, err
}

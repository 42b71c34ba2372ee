package wire

import (
	"slices"

	"github.com/kithdb/kith/storage/schema"
)

// index eats which index a vector gets. Whether it fits the vector is asked
// when all of that is known: fitsIndex.
func (s *scanner) index(field string) (*schema.Index, *Error) {
	x := &schema.Index{}
	options := schema.IndexOptions()
	err := s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		if s.null() {
			return nil
		}
		if key == "type" {
			x.Type, err = s.word(name, schema.Graph, schema.Flat, schema.Hashed, schema.Listed)
			return err
		}
		if key == "rotate" {
			x.Rotate, err = s.boolean(name)
			return err
		}
		i := slices.IndexFunc(options, func(o schema.IndexOption) bool { return o.Name == key })
		if i < 0 {
			return s.unknown(name)
		}
		n, err := s.number32(name, options[i].Least, options[i].Most)
		*x.Option(key) = *n
		return err
	})
	if err == nil && x.Type == "" {
		err = wrong(under(field, "type"), "missing; use hnsw, flat, lsh or ivf_pq")
	}
	return x, err
}

// fitsIndex asks whether a vector may have the index that it was given.
func fitsIndex(v *schema.Vector, field string) *Error {
	if v.Index == nil {
		return nil
	}
	if fault := v.Index.Check(v); fault != nil {
		return bound(under(under(field, "index"), fault.Field), "%s", fault.Problem)
	}
	return nil
}

// vectorNamedIndex tells a vector whose name is index from the unnamed vector's
// member: a vector has a size. Nothing is eaten.
func (s *scanner) vectorNamedIndex() bool {
	start := s.at
	defer func() { s.at = start }()
	sized := false
	err := s.object("", func(key string) *Error {
		sized = sized || key == "size"
		return s.skip()
	})
	return err == nil && sized
}

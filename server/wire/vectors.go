package wire

import (
	"slices"

	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/schema"
)

// UpdateVectors reads the body of an update of points' vectors.
func UpdateVectors(body []byte) (op.Op, error) { return whole(body, (*scanner).updateVectors) }

// DeleteVectors reads the body of a deletion of points' vectors.
func DeleteVectors(body []byte) (op.Op, error) { return whole(body, deleteVectors) }

func (s *scanner) updateVectors(field string) (op.Op, *Error) {
	u := &upserter{scanner: s, vectorsOnly: true, values: make([]float32, 0, len(s.data)/10)}
	o := op.Op{Kind: op.UpdateVectors}
	seen := false
	err := s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		switch key {
		case "points":
			seen = true
			err = u.list(name)
		case "update_filter":
			_, o.Filter, err = s.filter(name)
		case "shard_key":
			err = s.shardKey(name)
		default:
			err = s.unknown(name)
		}
		return err
	})
	switch {
	case err != nil:
		return o, err
	case !seen:
		return o, wrong(under(field, "points"), "missing")
	case len(u.points) == 0:
		return o, bound(under(field, "points"), "empty, must have 1 point or more")
	}
	u.deal()
	o.Points = u.points
	return o, nil
}

func deleteVectors(s *scanner, field string) (op.Op, *Error) {
	o := op.Op{Kind: op.DeleteVectors}
	err := s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		if mine, err := s.choice(&o, key, name); mine {
			return err
		}
		if key != "vector" {
			return s.unknown(name)
		}
		o.Vectors, err = s.texts(name)
		return err
	})
	name := under(field, "vector")
	switch {
	case err != nil:
		return o, err
	case o.Vectors == nil:
		return o, wrong(name, "missing; give the names of the vectors")
	case len(o.Vectors) == 0:
		return o, bound(name, "empty, must have 1 name or more")
	}
	for i, v := range o.Vectors {
		if slices.Contains(o.Vectors[:i], v) {
			return o, bound(at(name, i), "%q is given twice", v)
		}
	}
	return o, chosen(&o, field)
}

// updateMode eats what an upsert does about points that exist or do not.
func (s *scanner) updateMode(field string) (op.Mode, *Error) {
	if s.null() {
		return op.InsertOrUpdate, nil
	}
	text, err := s.text(field)
	if err != nil {
		return 0, err
	}
	switch text {
	case "upsert":
		return op.InsertOrUpdate, nil
	case "insert_only":
		return op.InsertOnly, nil
	case "update_only":
		return op.UpdateOnly, nil
	}
	return 0, wrong(field, "%q is none of upsert, insert_only, update_only", text)
}

// shardKey eats a shard key, which only collections with shards of the user's
// own making take.
func (s *scanner) shardKey(field string) *Error {
	if s.null() {
		return nil
	}
	return wrong(field, "shard keys are not supported yet: the collection has no custom sharding; leave the field out")
}

// NewVector reads the configuration of a vector that is added to a collection,
// whose name is not in it.
func NewVector(body []byte) (schema.Vector, error) {
	return whole(body, func(s *scanner, _ string) (schema.Vector, *Error) {
		v := schema.Vector{}
		seen := false
		err := s.object("", func(key string) *Error {
			switch {
			case key == "dense" && !s.null():
				seen = true
				return s.object(key, func(inner string) *Error { return s.newVectorParam(&v, inner, under(key, inner)) })
			case key == "sparse" && !s.null():
				return unsupported(key, "a sparse vector")
			}
			return s.unknown(key)
		})
		switch {
		case err != nil:
			return v, err
		case !seen:
			return v, wrong("dense", "missing; give {\"dense\": {\"size\": …, \"distance\": …}}")
		}
		return v, fits(&v, "dense")
	})
}

// newVectorParam eats what defines a vector; everything else about it is set by
// a change of the collection.
func (s *scanner) newVectorParam(v *schema.Vector, key, name string) *Error {
	switch key {
	case "size", "distance", "datatype", "multivector_config", "index":
		return s.vectorParam(v, key, name)
	}
	return s.unknown(name)
}

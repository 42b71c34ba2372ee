package wire

import (
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/op"
)

// Delete reads the body of a delete of points.
func Delete(body []byte) (op.Op, error) { return whole(body, selectOnly(op.Delete)) }

// ClearPayload reads the body of a clear of payloads.
func ClearPayload(body []byte) (op.Op, error) { return whole(body, selectOnly(op.ClearPayload)) }

// SetPayload reads the body of a set of payload.
func SetPayload(body []byte) (op.Op, error) { return whole(body, edit(op.SetPayload)) }

// OverwritePayload reads the body of an overwrite of payload.
func OverwritePayload(body []byte) (op.Op, error) { return whole(body, edit(op.OverwritePayload)) }

// DeletePayload reads the body of a deletion of payload keys.
func DeletePayload(body []byte) (op.Op, error) { return whole(body, edit(op.DeletePayload)) }

// Operations reads a batch of writes, in their order.
func Operations(body []byte) ([]op.Op, error) {
	return whole(body, func(s *scanner, field string) (out []op.Op, err *Error) {
		seen := false
		err = s.object(field, func(key string) *Error {
			if key != "operations" {
				return s.unknown(key)
			}
			seen = true
			return s.array(key, func(i int) *Error {
				o, err := s.operation(at(key, i))
				out = append(out, o)
				return err
			})
		})
		if err == nil && !seen {
			err = wrong("operations", "missing")
		}
		return out, err
	})
}

// operation eats {"upsert": …} and its like.
func (s *scanner) operation(field string) (o op.Op, err *Error) {
	n := 0
	err = s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		if n++; n > 1 {
			return wrong(name, "a second operation in one object")
		}
		switch key {
		case "upsert":
			o, err = s.upsert(name)
		case "delete":
			o, err = selectOnly(op.Delete)(s, name)
		case "clear_payload":
			o, err = selectOnly(op.ClearPayload)(s, name)
		case "set_payload":
			o, err = edit(op.SetPayload)(s, name)
		case "overwrite_payload":
			o, err = edit(op.OverwritePayload)(s, name)
		case "delete_payload":
			o, err = edit(op.DeletePayload)(s, name)
		case "update_vectors":
			o, err = s.updateVectors(name)
		case "delete_vectors":
			o, err = deleteVectors(s, name)
		default:
			err = wrong(name, "unknown operation; use upsert, delete, set_payload, overwrite_payload, delete_payload, clear_payload, update_vectors or delete_vectors")
		}
		return err
	})
	if err == nil && n == 0 {
		err = wrong(field, "an operation is missing")
	}
	return o, err
}

// choice eats the keys that select points; false when key is none of them.
func (s *scanner) choice(o *op.Op, key, name string) (mine bool, err *Error) {
	switch key {
	case "points":
		if !s.null() {
			o.IDs, err = s.ids(name)
		}
	case "filter":
		_, o.Filter, err = s.filter(name)
	case "shard_key":
		err = s.shardKey(name)
	default:
		return false, nil
	}
	return true, err
}

// chosen checks that exactly one way to select points was taken.
func chosen(o *op.Op, field string) *Error {
	switch {
	case o.IDs == nil && o.Filter == nil:
		return wrong(under(field, "points"), "missing; give points or filter")
	case o.IDs != nil && o.Filter != nil:
		return wrong(under(field, "filter"), "given beside points; give one of them")
	}
	return nil
}

func selectOnly(kind op.Kind) func(*scanner, string) (op.Op, *Error) {
	return func(s *scanner, field string) (op.Op, *Error) {
		o := op.Op{Kind: kind}
		err := s.object(field, func(key string) *Error {
			if mine, err := s.choice(&o, key, under(field, key)); mine {
				return err
			}
			return s.unknown(under(field, key))
		})
		if err == nil {
			err = chosen(&o, field)
		}
		return o, err
	}
}

func edit(kind op.Kind) func(*scanner, string) (op.Op, *Error) {
	return func(s *scanner, field string) (op.Op, *Error) {
		o := op.Op{Kind: kind}
		err := s.object(field, func(key string) (err *Error) {
			name := under(field, key)
			if mine, err := s.choice(&o, key, name); mine {
				return err
			}
			switch {
			case key == "payload" && kind != op.DeletePayload:
				o.Payload, err = s.payload(name)
			case key == "key" && kind != op.DeletePayload:
				o.Key, err = s.path(name)
			case key == "keys" && kind == op.DeletePayload:
				o.Keys, err = s.paths(name)
			default:
				err = s.unknown(name)
			}
			return err
		})
		if err != nil {
			return o, err
		}
		switch {
		case kind == op.DeletePayload && o.Keys == nil:
			return o, wrong(under(field, "keys"), "missing")
		case kind != op.DeletePayload && o.Payload == nil:
			return o, wrong(under(field, "payload"), "missing")
		}
		if kind == op.OverwritePayload {
			o.Key = "" // taken and checked, but the payload is replaced whole, as the contract's engine does
		}
		return o, chosen(&o, field)
	}
}

func (s *scanner) path(field string) (string, *Error) {
	if s.null() {
		return "", nil
	}
	text, err := s.text(field)
	if err != nil {
		return "", err
	}
	if _, fault := filter.ParsePath(text); fault != nil {
		return "", wrong(field, "%v", fault)
	}
	return text, nil
}

func (s *scanner) paths(field string) ([]string, *Error) {
	out := []string{}
	err := s.array(field, func(i int) *Error {
		path, err := s.path(at(field, i))
		out = append(out, path)
		return err
	})
	return out, err
}

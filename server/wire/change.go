package wire

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/schema"
)

// UpdateCollection checks the body of a change of settings and answers the
// change, which may be called several times. Absent keys stay as they are.
func UpdateCollection(body []byte) (func(*schema.Collection) error, error) {
	probe := schema.Defaults()
	if _, err := whole(body, updater(&probe, nil)); err != nil {
		return nil, err
	}
	body = bytes.Clone(body) // the change may outlive the request's buffer
	return func(c *schema.Collection) error {
		_, err := whole(body, updater(c, c))
		return err
	}, nil
}

// updater applies a body to c. known, when set, is the collection whose vectors
// the body may name.
func updater(c, known *schema.Collection) func(*scanner, string) (struct{}, *Error) {
	return func(s *scanner, _ string) (struct{}, *Error) {
		return struct{}{}, s.object("", func(key string) (err *Error) {
			if s.null() {
				return nil
			}
			switch key {
			case "vectors":
				err = s.vectorChanges(known, key)
			case "params":
				err = s.collectionParams(c, key)
			case "sparse_vectors":
				err = s.noneOf(key, "sparse vectors")
			case "metadata":
				c.Metadata, err = s.payload(key)
			case "quantization_config":
				c.Quantization, err = s.quantization(key)
			case "replication_factor", "write_consistency_factor", "payload":
				err = wrong(key, "unknown field; it belongs into params")
			default:
				err = s.settings(c, key, key)
			}
			return err
		})
	}
}

// collectionParams eats the params of a change.
func (s *scanner) collectionParams(c *schema.Collection, field string) *Error {
	return s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		if s.null() {
			return nil
		}
		switch key {
		case "replication_factor", "write_consistency_factor", "payload":
			err = s.settings(c, key, name)
		case "on_disk_payload":
			c.OnDiskPayload, err = s.boolean(name)
		case "read_fan_out_factor":
			c.ReadFanOut, err = s.number32(name, 0, maxThreshold)
		case "read_fan_out_delay_ms":
			c.ReadDelayMS, err = s.number32(name, 0, maxThreshold)
		default:
			err = s.unknown(name)
		}
		return err
	})
}

// quantization eats a configuration, or "Disabled", which is kept: nobody then
// takes Kith's own code for it.
func (s *scanner) quantization(field string) (json.RawMessage, *Error) {
	if s.peek() == '"' {
		return schema.NoQuantization(), s.oneOf(field, schema.Disabled)
	}
	return s.quantizationOf(field)
}

// vectorChanges eats changes of vectors by name; "" is the unnamed one.
func (s *scanner) vectorChanges(c *schema.Collection, field string) *Error {
	return s.object(field, func(name string) *Error {
		path := under(field, name)
		v := &schema.Vector{}
		if c != nil {
			found, ok := c.Vector(name)
			if !ok {
				return wrong(path, "the collection has no vector %q", name)
			}
			v = found
		}
		return s.object(path, func(key string) (err *Error) {
			at := under(path, key)
			if s.null() {
				return nil
			}
			switch key {
			case "hnsw_config":
				err = s.mergeHNSW(v, at)
			case "quantization_config":
				v.Quantization, err = s.quantization(at)
			case "index":
				if v.Index, err = s.index(at); err == nil && c != nil {
					err = fitsIndex(v, path)
				}
			case "on_disk":
				v.OnDisk, err = s.flag(at)
			case "memory":
				v.Memory, err = s.word(at, placement.words...)
			default:
				err = s.unknown(at)
			}
			return err
		})
	})
}

func (s *scanner) mergeHNSW(v *schema.Vector, field string) *Error {
	d, err := s.hnsw(field)
	if err != nil {
		return err
	}
	if v.HNSW == nil {
		v.HNSW = d
		return nil
	}
	v.HNSW = v.HNSW.Merge(d)
	return nil
}

// fieldSchema eats the name of a kind of index, or an object with its options.
func (s *scanner) fieldSchema(field string) (json.RawMessage, *Error) {
	switch s.peek() {
	case '{':
		return s.shaped(field, indexShape)
	case 'n':
		s.null()
		return nil, nil
	}
	word, err := s.word(field, indexShape["type"].words...)
	if err != nil {
		return nil, err
	}
	return strconv.AppendQuote(nil, word), nil
}

// CreateIndex reads a request for a payload index.
func CreateIndex(body []byte) (op.Op, error) {
	return whole(body, func(s *scanner, _ string) (op.Op, *Error) {
		o := op.Op{Kind: op.CreateIndex}
		err := s.object("", func(key string) (err *Error) {
			switch key {
			case "field_name":
				o.Field, err = s.path(key)
			case "field_schema":
				o.FieldSchema, err = s.fieldSchema(key)
			default:
				err = s.unknown(key)
			}
			return err
		})
		switch {
		case err != nil:
			return o, err
		case o.Field == "":
			return o, wrong("field_name", "missing")
		case o.FieldSchema == nil:
			return o, wrong("field_schema", "missing; use keyword, integer, float or bool")
		}
		if _, fault := payload.ParseSchema(o.Field, o.FieldSchema); fault != nil {
			return o, filterFault("", fault)
		}
		return o, nil
	})
}

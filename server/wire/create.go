package wire

import (
	"slices"
	"strings"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/schema"
)

const (
	maxShards = 1024
	maxNodes  = 1 << 16
)

// CreateCollection reads the body of a creation over the default settings. An
// empty body is a collection without vectors.
func CreateCollection(body []byte) (schema.Collection, error) {
	return whole(body, func(s *scanner, _ string) (schema.Collection, *Error) {
		c := schema.Defaults()
		err := s.object("", func(key string) (err *Error) {
			if s.null() {
				return nil
			}
			switch key {
			case "vectors":
				c.Vectors, err = s.vectorsConfig(key)
			case "shard_number":
				err = s.uint32(key, 1, maxShards, &c.ShardNumber)
			case "sharding_method":
				err = s.oneOf(key, "auto")
			case "on_disk_payload":
				c.OnDiskPayload, err = s.boolean(key)
			case "sparse_vectors":
				err = s.noneOf(key, "sparse vectors")
			case "wal_config":
				c.WAL, err = s.shaped(key, walShape)
			case "metadata":
				c.Metadata, err = s.payload(key)
			default:
				err = s.settings(&c, key, key)
			}
			return err
		})
		return c, err
	})
}

// settings eats the keys that creation and change share.
func (s *scanner) settings(c *schema.Collection, key, name string) (err *Error) {
	switch key {
	case "replication_factor":
		return s.uint32(name, 1, maxNodes, &c.ReplicationFactor)
	case "write_consistency_factor":
		return s.uint32(name, 1, maxNodes, &c.WriteConsistencyFactor)
	case "payload":
		c.Payload, err = s.shaped(name, payloadShape)
	case "hnsw_config":
		var d *schema.HNSWDiff
		if d, err = s.hnsw(name); err == nil {
			c.HNSW = c.HNSW.With(d)
		}
	case "optimizers_config":
		err = s.optimizers(&c.Optimizers, name)
	case "quantization_config":
		c.Quantization, err = s.quantizationOf(name)
	case "strict_mode_config":
		var m *schema.StrictMode
		if m, err = s.strictMode(name); err == nil {
			var fault error
			if c.StrictMode, fault = c.StrictMode.With(m); fault != nil {
				err = wrong(name, "%v", fault)
			}
		}
	default:
		err = s.unknown(name)
	}
	return err
}

func (s *scanner) uint32(field string, least, most int, to *uint32) *Error {
	n, err := s.count(field, least)
	if err == nil && n > most {
		err = bound(field, "value %d invalid, must be %d or smaller", n, most)
	}
	if err == nil {
		*to = uint32(n)
	}
	return err
}

func (s *scanner) oneOf(field string, words ...string) *Error {
	text, err := s.text(field)
	if err == nil && !slices.Contains(words, text) {
		err = unsupported(field, text)
	}
	return err
}

// noneOf accepts an empty object only.
func (s *scanner) noneOf(field, what string) *Error {
	return s.object(field, func(key string) *Error { return unsupported(under(field, key), what) })
}

// vectorsConfig eats the parameters of one unnamed vector, or of several by name.
func (s *scanner) vectorsConfig(field string) ([]schema.Vector, *Error) {
	one := schema.Vector{}
	var named []schema.Vector
	var seen []string
	err := s.object(field, func(key string) *Error {
		seen = append(seen, key)
		if s.peek() == '{' && (!vectorKeys[key] || key == "index" && s.vectorNamedIndex()) {
			v := schema.Vector{Name: key}
			err := s.vectorParams(&v, under(field, key))
			named = append(named, v)
			return err
		}
		return s.vectorParam(&one, key, under(field, key))
	})
	switch {
	case err != nil:
		return nil, err
	case len(seen) == 0:
		return nil, nil
	case len(named) == 0:
		return []schema.Vector{one}, fits(&one, field)
	case len(named) != len(seen):
		return nil, wrong(field, "parameters of an unnamed vector beside named vectors")
	}
	slices.SortFunc(named, func(a, b schema.Vector) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(named); i++ {
		if named[i].Name == named[i-1].Name {
			return nil, wrong(under(field, named[i].Name), "given twice")
		}
	}
	return named, nil
}

// vectorKeys are the members of VectorParams that are objects: a vector cannot
// be named like one, since the two forms could not be told apart. Only index, which
// the contract does not have, is told apart by what is in it.
var vectorKeys = map[string]bool{"hnsw_config": true, "quantization_config": true, "multivector_config": true, "index": true}

func (s *scanner) vectorParams(v *schema.Vector, field string) *Error {
	err := s.object(field, func(key string) *Error { return s.vectorParam(v, key, under(field, key)) })
	if err != nil {
		return err
	}
	return fits(v, field)
}

func fits(v *schema.Vector, field string) *Error {
	switch {
	case v.Size == 0:
		return wrong(under(field, "size"), "missing")
	case v.Metric == 0:
		return wrong(under(field, "distance"), "missing")
	}
	return fitsIndex(v, field)
}

func (s *scanner) vectorParam(v *schema.Vector, key, name string) (err *Error) {
	if s.null() {
		return nil
	}
	switch key {
	case "size":
		if v.Size, err = s.count(name, 1); err == nil && v.Size > schema.MaxDim {
			err = bound(name, "value %d invalid, must be from 1 to %d", v.Size, schema.MaxDim)
		}
	case "distance":
		var text string
		if text, err = s.text(name); err != nil {
			return err
		}
		var fault error
		if v.Metric, fault = index.ParseMetric(text); fault != nil {
			err = wrong(name, "%v", fault)
		}
	case "hnsw_config":
		v.HNSW, err = s.hnsw(name)
	case "quantization_config":
		v.Quantization, err = s.quantizationOf(name)
	case "index":
		v.Index, err = s.index(name)
	case "on_disk":
		v.OnDisk, err = s.flag(name)
	case "memory":
		v.Memory, err = s.word(name, placement.words...)
	case "datatype":
		v.Datatype, err = s.datatype(name)
	case "multivector_config":
		err = s.notYet(name)
	default:
		err = s.unknown(name)
	}
	return err
}

func (s *scanner) datatype(field string) (index.Datatype, *Error) {
	text, err := s.text(field)
	switch {
	case err != nil:
		return 0, err
	case text == "turbo4":
		return 0, unsupported(field, text)
	}
	d, fault := index.ParseDatatype(text)
	if fault != nil {
		return 0, wrong(field, "%v", fault)
	}
	return d, nil
}

func (s *scanner) flag(field string) (*bool, *Error) {
	b, err := s.boolean(field)
	return &b, err
}

func (s *scanner) number32(field string, least, most int) (*int, *Error) {
	n, err := s.count(field, least)
	if err == nil && n > most {
		err = bound(field, "value %d invalid, must be %d or smaller", n, most)
	}
	return &n, err
}

// The bounds of the graph's settings: above them a graph costs memory and time
// out of all proportion.
const (
	maxM           = 512
	maxEfConstruct = 10_000
	maxThreshold   = 1 << 31
)

func (s *scanner) hnsw(field string) (*schema.HNSWDiff, *Error) {
	d := &schema.HNSWDiff{}
	err := s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		if s.null() {
			return nil
		}
		switch key {
		case "m":
			if d.M, err = s.number32(name, 0, maxM); err == nil && *d.M == 1 {
				err = bound(name, "value 1 invalid, must be 0 (no graph) or 2 or larger")
			}
		case "ef_construct":
			d.EfConstruct, err = s.number32(name, 4, maxEfConstruct)
		case "full_scan_threshold":
			d.FullScanThreshold, err = s.number32(name, 10, maxThreshold)
		case "max_indexing_threads":
			d.MaxIndexingThreads, err = s.number32(name, 0, maxThreshold)
		case "payload_m":
			d.PayloadM, err = s.number32(name, 0, maxM)
		case "on_disk":
			d.OnDisk, err = s.flag(name)
		case "inline_storage":
			d.InlineStorage, err = s.flag(name)
		case "memory":
			d.Memory, err = s.word(name, placement.words...)
		default:
			err = s.unknown(name)
		}
		return err
	})
	return d, err
}

func (s *scanner) optimizers(o *schema.Optimizers, field string) *Error {
	return s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		if s.null() {
			return nil
		}
		switch key {
		case "deleted_threshold":
			var v float32
			if v, err = s.finite(name); err == nil && (v < 0 || v > 1) {
				err = bound(name, "value %v invalid, must be from 0 to 1", v)
			}
			o.DeletedThreshold = float64(v)
		case "vacuum_min_vector_number":
			o.VacuumMinVectorNumber, err = s.count(name, 100)
		case "default_segment_number":
			o.DefaultSegmentNumber, err = s.count(name, 0)
		case "max_segment_size":
			o.MaxSegmentSize, err = s.number32(name, 1, 1<<40)
		case "memmap_threshold":
			o.MemmapThreshold, err = s.number32(name, 0, 1<<40)
		case "indexing_threshold":
			o.IndexingThreshold, err = s.number32(name, 0, 1<<40)
		case "flush_interval_sec":
			o.FlushIntervalSec, err = s.count(name, 0)
		case "max_optimization_threads":
			err = s.threads(o, name)
		case "prevent_unoptimized":
			o.PreventUnoptimized, err = s.flag(name)
		default:
			err = s.unknown(name)
		}
		return err
	})
}

// threads eats a number or "auto", which is no bound.
func (s *scanner) threads(o *schema.Optimizers, field string) (err *Error) {
	if s.peek() == '"' {
		o.MaxOptimizationThreads = nil
		return s.oneOf(field, "auto")
	}
	o.MaxOptimizationThreads, err = s.number32(field, 0, maxThreshold)
	return err
}

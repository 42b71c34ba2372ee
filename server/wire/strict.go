package wire

import (
	"strconv"

	"github.com/kithdb/kith/storage/schema"
)

// most is the largest of the numbers that have no bound of their own.
const most = 1 << 53

// strictMode eats a StrictModeConfig; a null leaves a limit as it is.
func (s *scanner) strictMode(field string) (*schema.StrictMode, *Error) {
	m := &schema.StrictMode{}
	flags := map[string]**bool{
		"enabled": &m.Enabled, "unindexed_filtering_retrieve": &m.UnindexedFilteringRetrieve,
		"unindexed_filtering_update": &m.UnindexedFilteringUpdate, "search_allow_exact": &m.SearchAllowExact,
	}
	limits := map[string]strictLimit{
		"max_query_limit": {&m.MaxQueryLimit, 1, most}, "max_timeout": {&m.MaxTimeout, 1, most},
		"search_max_hnsw_ef": {&m.SearchMaxHNSWEf, 0, most}, "upsert_max_batchsize": {&m.UpsertMaxBatchsize, 0, most},
		"search_max_batchsize":              {&m.SearchMaxBatchsize, 0, most},
		"max_collection_vector_size_bytes":  {&m.MaxCollectionVectorSizeBytes, 0, most},
		"max_collection_payload_size_bytes": {&m.MaxCollectionPayloadSizeBytes, 0, most},
		"read_rate_limit":                   {&m.ReadRateLimit, 1, most}, "write_rate_limit": {&m.WriteRateLimit, 1, most},
		"max_points_count": {&m.MaxPointsCount, 1, most}, "filter_max_conditions": {&m.FilterMaxConditions, 0, most},
		"condition_max_size": {&m.ConditionMaxSize, 0, most}, "max_payload_index_count": {&m.MaxPayloadIndexCount, 0, most},
		"max_resident_memory_percent": {&m.MaxResidentMemoryPercent, 1, 100},
	}
	err := s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		if s.null() {
			return nil
		}
		if to, ok := flags[key]; ok {
			*to, err = s.flag(name)
			return err
		}
		if l, ok := limits[key]; ok {
			*l.to, err = s.number32(name, l.least, l.most)
			return err
		}
		switch key {
		case "search_max_oversampling":
			m.SearchMaxOversampling, err = s.float64(name)
		case "multivector_config":
			m.Multivector, err = strictVectors(s, name, "max_vectors", 1, func(n *int) schema.StrictMultivector { return schema.StrictMultivector{MaxVectors: n} })
		case "sparse_config":
			m.Sparse, err = strictVectors(s, name, "max_length", 1, func(n *int) schema.StrictSparse { return schema.StrictSparse{MaxLength: n} })
		default:
			err = s.unknown(name)
		}
		return err
	})
	return m, err
}

type strictLimit struct {
	to          **int
	least, most int
}

// strictVectors eats an object of vectors' names, each with one limit.
func strictVectors[T any](s *scanner, field, limit string, least int, with func(*int) T) (map[string]T, *Error) {
	out := map[string]T{}
	err := s.object(field, func(name string) *Error {
		path := under(field, name)
		var n *int
		err := s.object(path, func(key string) (err *Error) {
			at := under(path, key)
			switch {
			case s.null():
			case key == limit:
				n, err = s.number32(at, least, most)
			default:
				err = s.unknown(at)
			}
			return err
		})
		out[name] = with(n)
		return err
	})
	return out, err
}

// float64 eats a number with all of its digits.
func (s *scanner) float64(field string) (*float64, *Error) {
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		return nil, s.fail(field, "a number")
	}
	text, err := s.raw(field)
	if err != nil {
		return nil, err
	}
	v, fault := strconv.ParseFloat(string(text), 64)
	if fault != nil {
		return nil, wrong(field, "%s is not a number that fits 64 bits", text)
	}
	return &v, nil
}

package schema

import (
	"encoding/json"
)

// StrictMode is the limits that a collection sets to requests (contract:
// StrictModeConfig). A nil field sets none; nothing holds while Enabled is not
// true. Its JSON form is stored.
type StrictMode struct {
	Enabled                       *bool    `json:"enabled,omitempty"`
	MaxQueryLimit                 *int     `json:"max_query_limit,omitempty"`
	MaxTimeout                    *int     `json:"max_timeout,omitempty"` // seconds
	UnindexedFilteringRetrieve    *bool    `json:"unindexed_filtering_retrieve,omitempty"`
	UnindexedFilteringUpdate      *bool    `json:"unindexed_filtering_update,omitempty"`
	SearchMaxHNSWEf               *int     `json:"search_max_hnsw_ef,omitempty"`
	SearchAllowExact              *bool    `json:"search_allow_exact,omitempty"`
	SearchMaxOversampling         *float64 `json:"search_max_oversampling,omitempty"`
	UpsertMaxBatchsize            *int     `json:"upsert_max_batchsize,omitempty"`
	SearchMaxBatchsize            *int     `json:"search_max_batchsize,omitempty"`
	MaxCollectionVectorSizeBytes  *int     `json:"max_collection_vector_size_bytes,omitempty"`
	ReadRateLimit                 *int     `json:"read_rate_limit,omitempty"`  // a minute
	WriteRateLimit                *int     `json:"write_rate_limit,omitempty"` // a minute
	MaxCollectionPayloadSizeBytes *int     `json:"max_collection_payload_size_bytes,omitempty"`
	MaxPointsCount                *int     `json:"max_points_count,omitempty"`
	FilterMaxConditions           *int     `json:"filter_max_conditions,omitempty"`
	ConditionMaxSize              *int     `json:"condition_max_size,omitempty"`
	MaxPayloadIndexCount          *int     `json:"max_payload_index_count,omitempty"`
	MaxResidentMemoryPercent      *int     `json:"max_resident_memory_percent,omitempty"` // 1 to 100
	// By the vector's name.
	Multivector map[string]StrictMultivector `json:"multivector_config,omitempty"`
	Sparse      map[string]StrictSparse      `json:"sparse_config,omitempty"`
}

// StrictMultivector bounds one multivector.
type StrictMultivector struct {
	MaxVectors *int `json:"max_vectors,omitempty"`
}

// StrictSparse bounds one sparse vector.
type StrictSparse struct {
	MaxLength *int `json:"max_length,omitempty"`
}

// On tells whether the limits hold; a nil StrictMode has none.
func (m *StrictMode) On() bool { return m != nil && m.Enabled != nil && *m.Enabled }

// With is m under the changes of d, whose nil fields stay as they are in m.
func (m *StrictMode) With(d *StrictMode) (*StrictMode, error) {
	if m == nil {
		return d, nil
	}
	members := map[string]json.RawMessage{}
	for _, part := range []*StrictMode{m, d} {
		text, err := json.Marshal(part)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &members); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	out := new(StrictMode) // afresh: nothing is shared with m
	return out, json.Unmarshal(text, out)
}

// UnmarshalJSON reads the stored form. Versions before the limits were enforced
// stored whatever object they were given: a member that is no limit is passed
// over, rather than to keep the collection from opening.
func (m *StrictMode) UnmarshalJSON(text []byte) error {
	type plain StrictMode
	if json.Unmarshal(text, (*plain)(m)) == nil {
		return nil
	}
	*m = StrictMode{}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil
	}
	for key, value := range members {
		one, err := json.Marshal(map[string]json.RawMessage{key: value})
		if err != nil {
			return err
		}
		next := *m
		if json.Unmarshal(one, (*plain)(&next)) == nil {
			*m = next
		}
	}
	return nil
}

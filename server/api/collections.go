package api

import "encoding/json"

// Distance is how vectors are compared.
type Distance string

// The distances of the contract.
const (
	Cosine    Distance = "Cosine"
	Euclid    Distance = "Euclid"
	Dot       Distance = "Dot"
	Manhattan Distance = "Manhattan"
)

// VectorParams describes one dense vector; Size is 1 to 65536.
type VectorParams struct {
	Size               int             `json:"size"`
	Distance           Distance        `json:"distance"`
	OnDisk             *bool           `json:"on_disk,omitempty"`
	HNSWConfig         json.RawMessage `json:"hnsw_config,omitempty"`
	QuantizationConfig json.RawMessage `json:"quantization_config,omitempty"`
	Datatype           string          `json:"datatype,omitempty"`
	Index              json.RawMessage `json:"index,omitempty"` // Kith's own, see docs/differences.md
	Memory             string          `json:"memory,omitempty"`
}

// CreateCollection is the body of a creation. Vectors is one VectorParams, or an
// object of them by name.
type CreateCollection struct {
	Vectors                json.RawMessage `json:"vectors,omitempty"`
	ShardNumber            *int            `json:"shard_number,omitempty"`
	ReplicationFactor      *int            `json:"replication_factor,omitempty"`
	WriteConsistencyFactor *int            `json:"write_consistency_factor,omitempty"`
	OnDiskPayload          *bool           `json:"on_disk_payload,omitempty"`
	HNSWConfig             json.RawMessage `json:"hnsw_config,omitempty"`
	WALConfig              json.RawMessage `json:"wal_config,omitempty"`
	OptimizersConfig       json.RawMessage `json:"optimizers_config,omitempty"`
	QuantizationConfig     json.RawMessage `json:"quantization_config,omitempty"`
	StrictModeConfig       json.RawMessage `json:"strict_mode_config,omitempty"`
	Metadata               json.RawMessage `json:"metadata,omitempty"`
	Payload                json.RawMessage `json:"payload,omitempty"`
	ShardingMethod         string          `json:"sharding_method,omitempty"` // "" or auto
}

// UpdateCollection is the body of a change; absent fields stay.
type UpdateCollection struct {
	Vectors            json.RawMessage `json:"vectors,omitempty"`
	Params             json.RawMessage `json:"params,omitempty"`
	HNSWConfig         json.RawMessage `json:"hnsw_config,omitempty"`
	OptimizersConfig   json.RawMessage `json:"optimizers_config,omitempty"`
	QuantizationConfig json.RawMessage `json:"quantization_config,omitempty"`
	StrictModeConfig   json.RawMessage `json:"strict_mode_config,omitempty"`
	Metadata           json.RawMessage `json:"metadata,omitempty"`
}

// Collections lists collections.
type Collections struct {
	Collections []CollectionName `json:"collections"`
}

// CollectionName names a collection.
type CollectionName struct {
	Name string `json:"name"`
}

// Exists says whether a collection exists.
type Exists struct {
	Exists bool `json:"exists"`
}

// CollectionInfo is a collection's state and configuration. OptimizerStatus is
// "ok" or {"error": …}.
type CollectionInfo struct {
	Status              string                      `json:"status"` // green, yellow, grey or red
	OptimizerStatus     json.RawMessage             `json:"optimizer_status"`
	PointsCount         int                         `json:"points_count"`
	IndexedVectorsCount int                         `json:"indexed_vectors_count"`
	SegmentsCount       int                         `json:"segments_count"`
	Config              CollectionConfig            `json:"config"`
	PayloadSchema       map[string]PayloadIndexInfo `json:"payload_schema"`
}

// CollectionConfig is a collection's configuration, every default filled in.
type CollectionConfig struct {
	Params             CollectionParams `json:"params"`
	HNSWConfig         json.RawMessage  `json:"hnsw_config"`
	OptimizerConfig    json.RawMessage  `json:"optimizer_config"`
	WALConfig          json.RawMessage  `json:"wal_config,omitempty"`
	QuantizationConfig json.RawMessage  `json:"quantization_config"`
	StrictModeConfig   json.RawMessage  `json:"strict_mode_config,omitempty"`
	Metadata           json.RawMessage  `json:"metadata,omitempty"`
}

// CollectionParams is the part of the configuration that places data.
type CollectionParams struct {
	Vectors                json.RawMessage `json:"vectors,omitempty"`
	SparseVectors          json.RawMessage `json:"sparse_vectors,omitempty"`
	ShardNumber            int             `json:"shard_number"`
	ReplicationFactor      int             `json:"replication_factor"`
	WriteConsistencyFactor int             `json:"write_consistency_factor"`
	OnDiskPayload          bool            `json:"on_disk_payload"`
	Payload                json.RawMessage `json:"payload,omitempty"`
	ReadFanOutFactor       *int            `json:"read_fan_out_factor,omitempty"`
	ReadFanOutDelayMS      *int            `json:"read_fan_out_delay_ms,omitempty"`
	ShardingMethod         string          `json:"sharding_method,omitempty"`
}

// PayloadIndexInfo describes one payload index and the points with a value in it.
type PayloadIndexInfo struct {
	DataType string          `json:"data_type"`
	Params   json.RawMessage `json:"params,omitempty"`
	Points   int             `json:"points"`
}

// CreateFieldIndex asks for a payload index. FieldSchema is a kind's name, or an
// object with its options.
type CreateFieldIndex struct {
	FieldName   string          `json:"field_name"`
	FieldSchema json.RawMessage `json:"field_schema"`
}

// Alias is another name of a collection.
type Alias struct {
	AliasName      string `json:"alias_name"`
	CollectionName string `json:"collection_name"`
}

// Aliases lists aliases.
type Aliases struct {
	Aliases []Alias `json:"aliases"`
}

// ChangeAliases changes aliases, all or none.
type ChangeAliases struct {
	Actions []AliasAction `json:"actions"`
}

// AliasAction is one change: exactly one field is set.
type AliasAction struct {
	Create *Alias       `json:"create_alias,omitempty"`
	Delete *DeleteAlias `json:"delete_alias,omitempty"`
	Rename *RenameAlias `json:"rename_alias,omitempty"`
}

// DeleteAlias removes an alias.
type DeleteAlias struct {
	AliasName string `json:"alias_name"`
}

// RenameAlias gives an alias another name.
type RenameAlias struct {
	Old string `json:"old_alias_name"`
	New string `json:"new_alias_name"`
}

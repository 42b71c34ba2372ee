// Package schema holds what a collection is: its vectors, its settings, and the
// check that a point fits them. One set of types serves the raft log, the
// shards and the answers; only server translates them to the wire.
package schema

import (
	"encoding/json"
	"fmt"

	"github.com/kithdb/kith/index"
)

// ShardID numbers a shard for the life of a cluster; never reused.
type ShardID uint32

// GroupID numbers a replica group.
type GroupID uint32

// Collection is a collection's schema, every default filled in. Its JSON form
// is stored in the raft log: add fields, never rename one.
type Collection struct {
	Vectors                []Vector        `json:"vectors"` // by rising name; the unnamed vector is ""
	ShardNumber            uint32          `json:"shard_number"`
	ReplicationFactor      uint32          `json:"replication_factor"`
	WriteConsistencyFactor uint32          `json:"write_consistency_factor"`
	OnDiskPayload          bool            `json:"on_disk_payload"`
	HNSW                   HNSW            `json:"hnsw"`
	Optimizers             Optimizers      `json:"optimizers"`
	Metadata               json.RawMessage `json:"metadata,omitempty"`
	StrictMode             *StrictMode     `json:"strict_mode,omitempty"`
	// Accepted and reported back as given; their capability comes later.
	WAL          json.RawMessage `json:"wal,omitempty"`
	Quantization json.RawMessage `json:"quantization,omitempty"`
	Payload      json.RawMessage `json:"payload,omitempty"`
	ReadFanOut   *int            `json:"read_fan_out_factor,omitempty"`
	ReadDelayMS  *int            `json:"read_fan_out_delay_ms,omitempty"`
	// LastNumber is the largest number that a vector was ever given; 0 until the
	// first vector is added or removed.
	LastNumber uint16 `json:"last_number,omitempty"`
}

// Vector is one named dense vector of a collection.
type Vector struct {
	Name         string          `json:"name"`
	Size         int             `json:"size"` // dimensions, 1 to MaxDim
	Metric       index.Metric    `json:"metric"`
	OnDisk       *bool           `json:"on_disk,omitempty"`
	HNSW         *HNSWDiff       `json:"hnsw,omitempty"` // overrides the collection's
	Quantization json.RawMessage `json:"quantization,omitempty"`
	Datatype     index.Datatype  `json:"datatype,omitempty"` // 0, not given: float32
	Memory       string          `json:"memory,omitempty"`   // cold, cached, pinned; "" leaves it to OnDisk
	Index        *Index          `json:"index,omitempty"`    // nil: a graph
	// Number tells vectors apart that had the same name one after the other, and
	// stands for the vector in the store's keys. 0: the collection was created
	// with it.
	Number uint16 `json:"number,omitempty"`
}

// Space is how the vector's rows are held and compared.
func (v *Vector) Space() index.Space { return index.Space{Metric: v.Metric, Datatype: v.Datatype} }

// Cold reports whether the vectors are mapped from a file rather than held in
// memory. Memory goes before OnDisk; "cached" is the default, and "pinned" the
// same here.
func (v *Vector) Cold() bool {
	if v.Memory != "" {
		return v.Memory == "cold"
	}
	return v.OnDisk != nil && *v.OnDisk
}

// RowBytes is the size of one stored vector.
func (v *Vector) RowBytes() int { return v.Size * v.Datatype.Bytes() }

// HNSW is the graph's settings (contract: HnswConfig).
type HNSW struct {
	M                  int   `json:"m"`                    // links per node above level 0; 2·M at level 0; 0 builds no graph
	EfConstruct        int   `json:"ef_construct"`         // breadth of the search that places a new node
	FullScanThreshold  int   `json:"full_scan_threshold"`  // KiB of vectors below which a filtered query is scanned
	MaxIndexingThreads int   `json:"max_indexing_threads"` // 0: as many as the node's builders
	OnDisk             *bool `json:"on_disk,omitempty"`
	PayloadM           *int  `json:"payload_m,omitempty"`
	// Accepted and reported back as given.
	Memory        string `json:"memory,omitempty"`
	InlineStorage *bool  `json:"inline_storage,omitempty"`
}

// TreeM is the links of a node in the graph of one tenant, 0 where there are to be
// none: payload_m, or m where that was not given.
func (h *HNSW) TreeM() int {
	m := h.M
	if h.PayloadM != nil {
		m = *h.PayloadM
	}
	if m == 1 {
		return 2
	}
	return m
}

// HNSWDiff is a change to HNSW; nil fields stay.
type HNSWDiff struct {
	M                  *int  `json:"m,omitempty"`
	EfConstruct        *int  `json:"ef_construct,omitempty"`
	FullScanThreshold  *int  `json:"full_scan_threshold,omitempty"`
	MaxIndexingThreads *int  `json:"max_indexing_threads,omitempty"`
	OnDisk             *bool `json:"on_disk,omitempty"`
	PayloadM           *int  `json:"payload_m,omitempty"`

	Memory        string `json:"memory,omitempty"`
	InlineStorage *bool  `json:"inline_storage,omitempty"`
}

// Optimizers is the background workers' settings (contract: OptimizersConfig).
type Optimizers struct {
	DeletedThreshold       float64 `json:"deleted_threshold"`        // share of dead nodes that starts a repair
	VacuumMinVectorNumber  int     `json:"vacuum_min_vector_number"` // fewest vectors for which one is worth it
	DefaultSegmentNumber   int     `json:"default_segment_number"`
	MaxSegmentSize         *int    `json:"max_segment_size,omitempty"`
	MemmapThreshold        *int    `json:"memmap_threshold,omitempty"`
	IndexingThreshold      *int    `json:"indexing_threshold,omitempty"` // KiB of vectors from which a graph is built; nil: 10,000; 0: never
	FlushIntervalSec       int     `json:"flush_interval_sec"`
	MaxOptimizationThreads *int    `json:"max_optimization_threads,omitempty"` // nil: no bound
	PreventUnoptimized     *bool   `json:"prevent_unoptimized,omitempty"`      // accepted and reported
}

// MaxDim is the largest vector size.
const MaxDim = 65536

// DefaultIndexingThreshold is the KiB of vectors from which a graph is built.
const DefaultIndexingThreshold = 10_000

// Defaults is the contract's default settings, with no vectors.
func Defaults() Collection {
	return Collection{
		ShardNumber: 1, ReplicationFactor: 1, WriteConsistencyFactor: 1, OnDiskPayload: true,
		HNSW:       HNSW{M: 16, EfConstruct: 100, FullScanThreshold: 10_000},
		Optimizers: Optimizers{DeletedThreshold: 0.2, VacuumMinVectorNumber: 1000, FlushIntervalSec: 5},
	}
}

// Vector finds a vector by name.
func (c *Collection) Vector(name string) (*Vector, bool) {
	for i := range c.Vectors {
		if c.Vectors[i].Name == name {
			return &c.Vectors[i], true
		}
	}
	return nil, false
}

// HNSWFor is the graph settings of one vector: the collection's under its own.
func (c *Collection) HNSWFor(v *Vector) HNSW { return c.HNSW.With(v.HNSW) }

// With is h under the changes of d.
func (h HNSW) With(d *HNSWDiff) HNSW {
	if d == nil {
		return h
	}
	set(&h.M, d.M)
	set(&h.EfConstruct, d.EfConstruct)
	set(&h.FullScanThreshold, d.FullScanThreshold)
	set(&h.MaxIndexingThreads, d.MaxIndexingThreads)
	if d.OnDisk != nil {
		h.OnDisk = d.OnDisk
	}
	if d.PayloadM != nil {
		h.PayloadM = d.PayloadM
	}
	if d.Memory != "" {
		h.Memory = d.Memory
	}
	if d.InlineStorage != nil {
		h.InlineStorage = d.InlineStorage
	}
	return h
}

// Merge is d under the changes of e.
func (d *HNSWDiff) Merge(e *HNSWDiff) *HNSWDiff {
	out := *d
	for _, f := range []struct {
		to   **int
		from *int
	}{
		{&out.M, e.M}, {&out.EfConstruct, e.EfConstruct}, {&out.FullScanThreshold, e.FullScanThreshold},
		{&out.MaxIndexingThreads, e.MaxIndexingThreads}, {&out.PayloadM, e.PayloadM},
	} {
		if f.from != nil {
			*f.to = f.from
		}
	}
	if e.OnDisk != nil {
		out.OnDisk = e.OnDisk
	}
	if e.InlineStorage != nil {
		out.InlineStorage = e.InlineStorage
	}
	if e.Memory != "" {
		out.Memory = e.Memory
	}
	return &out
}

func set(dst *int, v *int) {
	if v != nil {
		*dst = *v
	}
}

// IndexingBytes is the size of one vector's data from which it gets a graph;
// ok is false when it never does.
func (o *Optimizers) IndexingBytes() (n int64, ok bool) {
	kib := DefaultIndexingThreshold
	if o.IndexingThreshold != nil {
		kib = *o.IndexingThreshold
	}
	return int64(kib) << 10, kib > 0
}

// FieldError says which field of a request is wrong, and how to mend it.
type FieldError struct {
	Field   string // path in the request, such as points[3].vector.image
	Problem string
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Problem) }

package server

import (
	"encoding/json"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// object is a configuration in the contract's shape; a nil value is left out.
type object map[string]any

func (c *call) collectionInfo() error {
	col, err := c.collection()
	if err != nil {
		return err
	}
	info, err := col.Info()
	if err != nil {
		return err
	}
	out, err := describe(&info)
	if err != nil {
		return err
	}
	return c.json(out)
}

func describe(info *cluster.Info) (out api.CollectionInfo, err error) {
	st := &info.Status
	out = api.CollectionInfo{
		Status: "green", OptimizerStatus: json.RawMessage(`"ok"`),
		PointsCount: st.Points, IndexedVectorsCount: st.IndexedVectors, SegmentsCount: max(info.Shards, 1),
		PayloadSchema: map[string]api.PayloadIndexInfo{},
	}
	out.Status = statusOf(st)
	if st.Paused != "" {
		if out.OptimizerStatus, err = json.Marshal(object{"error": st.Paused}); err != nil {
			return out, err
		}
	}
	if st.OptimizerError != "" {
		if out.OptimizerStatus, err = json.Marshal(object{"error": st.OptimizerError}); err != nil {
			return out, err
		}
	}
	for _, ix := range st.PayloadIndexes {
		out.PayloadSchema[ix.Field] = describeIndex(&ix)
	}
	out.Config, err = describeConfig(info.Schema)
	return out, err
}

// statusOf is the contract's word for a state: grey is work that waits for
// something other than its turn.
func statusOf(st *shard.Status) string {
	switch {
	case st.OptimizerError != "":
		return "red"
	case st.Paused != "":
		return "grey"
	case !st.Green:
		return "yellow"
	}
	return "green"
}

func describeIndex(ix *shard.PayloadIndex) api.PayloadIndexInfo {
	out := api.PayloadIndexInfo{DataType: string(ix.Kind), Points: ix.Points}
	if len(ix.Options) > 0 && ix.Options[0] == '{' {
		out.Params = ix.Options
	}
	return out
}

func describeConfig(s *schema.Collection) (out api.CollectionConfig, err error) {
	marshal := func(v any) (text json.RawMessage) {
		if err == nil {
			text, err = json.Marshal(v)
		}
		return text
	}
	out = api.CollectionConfig{
		Params: api.CollectionParams{
			Vectors: marshal(describeVectors(s)), ShardNumber: int(s.ShardNumber),
			ReplicationFactor: int(s.ReplicationFactor), WriteConsistencyFactor: int(s.WriteConsistencyFactor),
			OnDiskPayload: s.OnDiskPayload, Payload: s.Payload, ReadFanOutFactor: s.ReadFanOut, ReadFanOutDelayMS: s.ReadDelayMS,
		},
		HNSWConfig:         marshal(describeHNSW(&s.HNSW)),
		OptimizerConfig:    marshal(describeOptimizers(&s.Optimizers)),
		QuantizationConfig: schema.ShownQuantization(s.Quantization), Metadata: s.Metadata,
	}
	if s.StrictMode != nil {
		out.StrictModeConfig = marshal(s.StrictMode)
	}
	if err == nil {
		out.WALConfig, err = describeWAL(s.WAL)
	}
	return out, err
}

func describeVectors(s *schema.Collection) any {
	if len(s.Vectors) == 1 && s.Vectors[0].Name == "" {
		return describeVector(&s.Vectors[0])
	}
	out := object{}
	for i := range s.Vectors {
		out[s.Vectors[i].Name] = describeVector(&s.Vectors[i])
	}
	return out
}

func describeVector(v *schema.Vector) object {
	out := object{"size": v.Size, "distance": v.Metric.String()}
	optional(out, "hnsw_config", v.HNSW)
	optional(out, "index", v.Index)
	optional(out, "on_disk", v.OnDisk)
	given(out, "datatype", v.Datatype.String())
	given(out, "memory", v.Memory)
	if shown := schema.ShownQuantization(v.Quantization); shown != nil {
		out["quantization_config"] = shown
	}
	return out
}

func describeHNSW(h *schema.HNSW) object {
	out := object{
		"m": h.M, "ef_construct": h.EfConstruct, "full_scan_threshold": h.FullScanThreshold,
		"max_indexing_threads": h.MaxIndexingThreads,
	}
	optional(out, "on_disk", h.OnDisk)
	optional(out, "payload_m", h.PayloadM)
	optional(out, "inline_storage", h.InlineStorage)
	given(out, "memory", h.Memory)
	return out
}

func describeOptimizers(o *schema.Optimizers) object {
	threshold := schema.DefaultIndexingThreshold
	if o.IndexingThreshold != nil {
		threshold = *o.IndexingThreshold
	}
	out := object{
		"deleted_threshold": o.DeletedThreshold, "vacuum_min_vector_number": o.VacuumMinVectorNumber,
		"default_segment_number": o.DefaultSegmentNumber, "flush_interval_sec": o.FlushIntervalSec,
		"max_segment_size": o.MaxSegmentSize, "memmap_threshold": o.MemmapThreshold,
		"indexing_threshold": threshold, "max_optimization_threads": o.MaxOptimizationThreads,
	}
	optional(out, "prevent_unoptimized", o.PreventUnoptimized)
	return out
}

// describeWAL is what was given over the contract's defaults.
func describeWAL(given json.RawMessage) (json.RawMessage, error) {
	out := object{"wal_capacity_mb": 32, "wal_segments_ahead": 0, "wal_retain_closed": 1}
	if given != nil {
		if err := json.Unmarshal(given, &out); err != nil {
			return nil, err
		}
	}
	for key, value := range out {
		if value == nil {
			delete(out, key)
		}
	}
	return json.Marshal(out)
}

func optional[T any](out object, key string, v *T) {
	if v != nil {
		out[key] = v
	}
}

func given(out object, key, v string) {
	if v != "" {
		out[key] = v
	}
}

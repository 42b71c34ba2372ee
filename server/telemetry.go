package server

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// telemetry reports on the node. details_level says how much: 0 what runs here,
// 1 the machine, the requests and a summary of each collection, 2 the
// collections' settings and shards.
func (c *call) telemetry() error {
	level, err := c.detailsLevel()
	if err != nil {
		return err
	}
	t := &teller{s: c.s}
	perCollection := false
	for name, to := range map[string]*bool{"anonymize": &t.anonymous, "per_collection": &perCollection} {
		if *to, err = c.flag(name); err != nil {
			return err
		}
	}
	collections, err := t.collections(level)
	if err != nil {
		return err
	}
	out := object{"id": c.s.id, "app": t.app(level), "collections": collections}
	if level > 0 {
		out["cluster"] = object{"enabled": false}
		rest := object{"responses": c.s.stats.report()}
		if perCollection {
			rest["per_collection_responses"] = c.s.stats.perCollection(t.name)
		}
		out["requests"] = object{"rest": rest, "grpc": object{"responses": object{}}}
		out["memory"] = t.memory()
		over := c.s.node.Exceeded()
		out["quota"] = object{"config": c.s.node.Quotas(), "exceeded": object{"resident_memory": over.Memory, "disk_usage": over.Disk}}
	}
	return c.json(out)
}

func (c *call) detailsLevel() (int, error) {
	text := c.arg("details_level")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, c.badArg("details_level", fmt.Sprintf("%q is not a number, 0 or larger", text))
	}
	return int(n), nil
}

// flag reads a query parameter that is true or false; false when it is absent.
func (c *call) flag(name string) (bool, error) {
	switch text := c.arg(name); text {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, c.badArg(name, fmt.Sprintf("%q is neither true nor false", text))
	}
}

// teller writes one report.
type teller struct {
	s         *Server
	anonymous bool
}

// name is a user's word, or what stands for it in an anonymous report. The key
// is of this process, so that a word cannot be found by guessing.
func (t *teller) name(word string) string {
	if !t.anonymous {
		return word
	}
	mac := hmac.New(sha256.New, t.s.salt[:])
	mac.Write([]byte(word))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// count is a number, in an anonymous report only its first digit.
func (t *teller) count(n int) int {
	if !t.anonymous {
		return n
	}
	unit := 1
	for n/unit >= 10 {
		unit *= 10
	}
	return n / unit * unit
}

func (t *teller) app(level int) object {
	out := object{"name": "kith", "version": t.s.o.Version, "startup": t.s.started.UTC().Format(time.RFC3339Nano)}
	if level == 0 {
		return out
	}
	out["jwt_rbac"] = t.s.keys.tokens != nil
	out["features"] = object{
		"debug": false, "service_debug_feature": false, "recovery_mode": false, "gpu": false, "rocksdb": false, "staging": false,
	}
	out["system"] = describeSystem(t.s.node.Usage())
	return out
}

// memory reports Go's heap together with what lies outside it: vectors, graphs
// and the stores' caches.
func (t *teller) memory() object {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	outside := uint64(nodeCollector{t.s.node}.total().ResidentBytes)
	for _, g := range t.s.node.Stats().Groups {
		outside += uint64(g.Store.MemTableBytes)
	}
	return object{
		"allocated_bytes": m.HeapAlloc + outside,
		"active_bytes":    m.HeapInuse + m.StackInuse + outside,
		"metadata_bytes":  m.MSpanInuse + m.MCacheInuse + m.BuckHashSys + m.GCSys,
		"resident_bytes":  t.s.node.Usage().Resident,
		"retained_bytes":  m.HeapIdle - m.HeapReleased,
	}
}

func (t *teller) collections(level int) (object, error) {
	names := t.s.node.Names()
	out := object{"number_of_collections": len(names)}
	if level == 0 {
		return out, nil
	}
	list := []object{}
	for _, name := range names {
		col, err := t.s.node.Collection(name)
		if err != nil {
			continue // deleted meanwhile
		}
		info, err := col.Info()
		if err != nil {
			continue
		}
		described, err := describe(&info)
		if err != nil {
			return nil, err
		}
		if t.anonymous {
			if err := t.disguise(&described, info.Schema); err != nil {
				return nil, err
			}
		}
		if level == 1 {
			list = append(list, object{"vectors": t.count(info.Status.Vectors), "optimizers_status": t.status(&info.Status), "params": described.Config.Params})
			continue
		}
		full, err := t.collection(col, &described)
		if err != nil {
			return nil, err
		}
		list = append(list, full)
	}
	out["collections"] = list
	return out, nil
}

// status is the state of background work; what failed may name files, which an
// anonymous report leaves out.
func (t *teller) status(s *shard.Status) any {
	text := cmp.Or(s.OptimizerError, s.Paused)
	switch {
	case text == "":
		return "ok"
	case t.anonymous:
		return object{"error": "hidden"}
	}
	return object{"error": text}
}

// disguise takes the user's words out of a collection's settings.
func (t *teller) disguise(d *api.CollectionInfo, s *schema.Collection) error {
	hidden := *s
	hidden.Vectors = append([]schema.Vector(nil), s.Vectors...)
	for i := range hidden.Vectors {
		if hidden.Vectors[i].Name != "" {
			hidden.Vectors[i].Name = t.name(hidden.Vectors[i].Name)
		}
	}
	text, err := json.Marshal(describeVectors(&hidden))
	if err != nil {
		return err
	}
	d.Config.Params.Vectors = text
	d.Config.Metadata, d.Config.StrictModeConfig = nil, nil
	return nil
}

func (t *teller) collection(col *cluster.Collection, d *api.CollectionInfo) (object, error) {
	infos, err := col.ShardInfo()
	if err != nil {
		return nil, err
	}
	sizes, err := col.ShardSizes()
	if err != nil {
		return nil, err
	}
	work, err := col.Work()
	if err != nil {
		return nil, err
	}
	shards := make([]object, len(infos))
	for i := range infos {
		shards[i] = object{
			"id": i, "remote": []object{}, "replicate_states": object{strconv.Itoa(peer): "Active"},
			"local": t.shard(&infos[i], sizes[i], work[i].Ended),
		}
	}
	config := object{
		"params": d.Config.Params, "hnsw_config": d.Config.HNSWConfig,
		"optimizer_config": d.Config.OptimizerConfig, "wal_config": d.Config.WALConfig,
	}
	for key, text := range map[string]json.RawMessage{
		"quantization_config": d.Config.QuantizationConfig, "strict_mode_config": d.Config.StrictModeConfig, "metadata": d.Config.Metadata,
	} {
		if text != nil {
			config[key] = text
		}
	}
	return object{"id": t.name(col.Name()), "config": config, "shards": shards, "transfers": []object{}, "resharding": []object{}}, nil
}

func (t *teller) shard(s *shard.Status, size shard.Sizes, optimizations int) object {
	return object{
		"variant_name": "local shard", "status": statusOf(s), "total_optimized_points": t.count(s.IndexedVectors),
		"num_points": t.count(s.Points), "num_vectors": t.count(s.Vectors), "vectors_size_bytes": t.count(int(size.VectorBytes)),
		"optimizations": object{"status": t.status(s), "optimizations": object{"count": t.count(optimizations)}},
	}
}

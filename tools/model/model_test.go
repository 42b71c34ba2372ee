package model

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestModel drives a real server and the model with the same random operations,
// among restarts, and compares what both answer after each. In CI it takes some
// thousand steps; KITH_MODEL_MINUTES runs it for longer, KITH_MODEL_SEED repeats.
func TestModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("KITH_MODEL_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	minutes, _ := strconv.ParseFloat(os.Getenv("KITH_MODEL_MINUTES"), 64)
	h := newHost(t)
	end := time.Now().Add(time.Duration(minutes * float64(time.Minute)))
	for first := true; first || time.Now().Before(end); first = false {
		t.Logf("seed %d (KITH_MODEL_SEED=%d repeats it)", seed, seed)
		flagged(t, "rapid.seed", strconv.FormatUint(seed, 10))
		flagged(t, "rapid.checks", "24")
		flagged(t, "rapid.steps", "120")
		flagged(t, "rapid.nofailfile", "true")
		flagged(t, "rapid.shrinktime", "15s")
		rapid.Check(t, h.check)
		if t.Failed() {
			break
		}
		seed++
	}
	t.Logf("%d operations on %d collections agree with the model", h.steps, h.made)
}

func flagged(t *testing.T, name, value string) {
	t.Helper()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
}

// check is one collection's life.
func (h *host) check(t *rapid.T) {
	r := h.create(t)
	t.Repeat(map[string]func(*rapid.T){
		"":               r.compare,
		"upsert":         r.upsert,
		"upsert again":   r.upsert,
		"columns":        r.upsertColumns,
		"update vectors": r.updateVectors,
		"delete vectors": r.deleteVectors,
		"set payload":    r.setPayload,
		"overwrite":      r.overwritePayload,
		"delete payload": r.deletePayload,
		"clear payload":  r.clearPayload,
		"delete":         r.delete,
		"batch":          r.batch,
		"index":          r.createIndex,
		"drop index":     r.dropIndex,
		"vector":         r.changeVectors,
		"alias":          r.changeAlias,
		"patch":          r.patch,
		"restart":        r.restarts,
		"snapshot":       r.snapshot,
		"recover":        r.recover,
	})
	r.do(t, "DELETE", "/collections/"+r.name, nil)
}

func (h *host) create(t *rapid.T) *run {
	h.made++
	r := &run{host: h, name: fmt.Sprintf("m%d", h.made), snapshots: map[string]*Collection{}, c: &Collection{Vectors: map[string]Params{}, Points: map[string]*Point{}, Indexes: map[string]string{}}}
	distance := func() string { return pick(t, "distance", "Cosine", "Dot", "Euclid", "Manhattan") }
	if chance(t, "unnamed", 40) {
		r.c.Vectors[""] = Params{4, distance()}
	} else {
		r.c.Vectors["a"], r.c.Vectors["b"] = Params{3, distance()}, Params{5, distance()}
	}
	var vectors any = vectorsOf(r.c)
	if p, ok := r.c.Vectors[""]; ok {
		vectors = object{"size": p.Size, "distance": p.Distance}
	}
	r.do(t, "PUT", "/collections/"+r.name, object{"vectors": vectors, "shard_number": 1 + below(t, "shards", 3), "optimizers_config": object{"indexing_threshold": pick(t, "threshold", 1, 20000)}})
	return r
}

func vectorsOf(c *Collection) object {
	out := object{}
	for name, p := range c.Vectors {
		out[name] = object{"size": p.Size, "distance": p.Distance}
	}
	return out
}

const wait = "?wait=true"

func (r *run) point(t *rapid.T) *Point {
	p := &Point{Vectors: map[string][]float64{}, Payload: aPayload(t)}
	for _, name := range slices.Sorted(maps.Keys(r.c.Vectors)) {
		if name == "" || chance(t, "has vector", 75) {
			p.Vectors[name] = aVector(t, r.c.Vectors[name].Size)
		}
	}
	return p
}

// vectorBody is a point's vectors as a request has them.
func vectorBody(vectors map[string][]float64) any {
	if v, ok := vectors[""]; ok && len(vectors) == 1 {
		return v
	}
	return vectors
}

func (r *run) points(t *rapid.T) (map[string]*Point, []string) {
	points, order := map[string]*Point{}, []string{}
	for _, id := range someIDs(t, 8) {
		if points[id] == nil {
			points[id] = r.point(t)
			order = append(order, id)
		}
	}
	return points, order
}

// conditional draws an update mode and filter, and adds them to the body.
func conditional(t *rapid.T, body object) (mode string, filter object) {
	if chance(t, "mode", 25) {
		mode = pick(t, "mode", "upsert", "insert_only", "update_only")
		body["update_mode"] = mode
	}
	if chance(t, "conditional", 20) {
		filter = aFilter(t, 1)
		body["update_filter"] = filter
	}
	return mode, filter
}

// write is one operation: its name in a batch, its body, and its effect.
type write struct {
	name   string
	body   object
	effect func()
}

func (r *run) upsertWrite(t *rapid.T) write {
	points, order := r.points(t)
	list := []any{}
	for _, id := range order {
		list = append(list, object{"id": decoded([]string{id})[0], "vector": vectorBody(points[id].Vectors), "payload": points[id].Payload})
	}
	body := object{"points": list}
	mode, filter := conditional(t, body)
	return write{"upsert", body, func() { r.c.Upsert(points, order, mode, filter) }}
}

func (r *run) upsert(t *rapid.T) {
	r.apply(t, "PUT", "/points", r.upsertWrite(t))
}

func (r *run) apply(t *rapid.T, method, path string, w write) {
	r.do(t, method, r.path(t, path+wait), w.body)
	w.effect()
}

func (r *run) upsertColumns(t *rapid.T) {
	points, order := r.points(t)
	columns := map[string][]any{}
	payloads := []any{}
	names := slices.Sorted(maps.Keys(r.c.Vectors))
	for _, id := range order {
		for _, name := range names {
			if points[id].Vectors[name] == nil { // a column has a vector for every point
				points[id].Vectors[name] = aVector(t, r.c.Vectors[name].Size)
			}
			columns[name] = append(columns[name], points[id].Vectors[name])
		}
		payloads = append(payloads, points[id].Payload)
	}
	var vectors any = columns
	if list, ok := columns[""]; ok && len(columns) == 1 {
		vectors = list
	}
	body := object{"batch": object{"ids": decoded(order), "vectors": vectors, "payloads": payloads}}
	mode, filter := conditional(t, body)
	r.apply(t, "PUT", "/points", write{"upsert", body, func() { r.c.Upsert(points, order, mode, filter) }})
}

// choose draws points by id or by filter. Only where missing is true may an id
// be unknown.
func (r *run) choose(t *rapid.T, body object, missing bool) Select {
	if chance(t, "by filter", 40) {
		s := Select{Filter: aFilter(t, 1)}
		body["filter"] = s.Filter
		return s
	}
	var ids []string
	for _, id := range someIDs(t, 5) {
		if (missing || r.c.Points[id] != nil) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	body["points"] = decoded(ids)
	return Select{IDs: ids}
}

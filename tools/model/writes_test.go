package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

func (r *run) vectorsWrite(t *rapid.T) write {
	vectors, list := map[string]map[string][]float64{}, []any{}
	for _, id := range someIDs(t, 4) {
		if r.c.Points[id] == nil || vectors[id] != nil {
			continue
		}
		vectors[id] = map[string][]float64{}
		for _, name := range slices.Sorted(maps.Keys(r.c.Vectors)) {
			if name == "" || chance(t, "this vector", 60) {
				vectors[id][name] = aVector(t, r.c.Vectors[name].Size)
			}
		}
		list = append(list, object{"id": decoded([]string{id})[0], "vector": vectorBody(vectors[id])})
	}
	if len(list) == 0 {
		t.Skip("no point drawn is there")
	}
	body := object{"points": list}
	var filter object
	if chance(t, "conditional", 25) {
		filter = aFilter(t, 1)
		body["update_filter"] = filter
	}
	return write{"update_vectors", body, func() { r.c.UpdateVectors(vectors, filter) }}
}

func (r *run) updateVectors(t *rapid.T) { r.apply(t, "PUT", "/points/vectors", r.vectorsWrite(t)) }

func (r *run) dropVectorsWrite(t *rapid.T) write {
	names := []string{pick(t, "vector", slices.Sorted(maps.Keys(r.c.Vectors))...)}
	body := object{"vector": names}
	s := r.choose(t, body, false)
	return write{"delete_vectors", body, func() { r.c.DeleteVectors(s, names) }}
}

func (r *run) deleteVectors(t *rapid.T) {
	r.apply(t, "POST", "/points/vectors/delete", r.dropVectorsWrite(t))
}

func (r *run) setWrite(t *rapid.T) write {
	payload, key := aPayload(t), ""
	body := object{"payload": payload}
	if chance(t, "key", 35) {
		key = pick(t, "key", "deep", "deep.list[0]", "deep.list[]", "nested[]", "new.path", "city", "nested[1].v", "deep.list")
		payload = object{"x": num(below(t, "x", 4)), "k": num(below(t, "k", 3))}
		body["payload"], body["key"] = payload, key
	}
	s := r.choose(t, body, false)
	return write{"set_payload", body, func() { r.c.SetPayload(s, payload, key) }}
}

func (r *run) setPayload(t *rapid.T) { r.apply(t, "POST", "/points/payload", r.setWrite(t)) }

func (r *run) overwriteWrite(t *rapid.T) write {
	payload := aPayload(t)
	body := object{"payload": payload}
	s := r.choose(t, body, false)
	return write{"overwrite_payload", body, func() { r.c.OverwritePayload(s, payload) }}
}

func (r *run) overwritePayload(t *rapid.T) {
	r.apply(t, "PUT", "/points/payload", r.overwriteWrite(t))
}

func (r *run) deletePayloadWrite(t *rapid.T) write {
	keys := []string{}
	for range 1 + below(t, "keys", 3) {
		keys = append(keys, pick(t, "key", "city", "n", "nested", "nested[].k", "deep.list", "deep.list[].x", `deep."a.b"`, "nothing", "tags"))
	}
	body := object{"keys": keys}
	s := r.choose(t, body, false)
	return write{"delete_payload", body, func() { r.c.DeletePayload(s, keys) }}
}

func (r *run) deletePayload(t *rapid.T) {
	r.apply(t, "POST", "/points/payload/delete", r.deletePayloadWrite(t))
}

func (r *run) clearWrite(t *rapid.T) write {
	body := object{}
	s := r.choose(t, body, false)
	return write{"clear_payload", body, func() { r.c.ClearPayload(s) }}
}

func (r *run) clearPayload(t *rapid.T) { r.apply(t, "POST", "/points/payload/clear", r.clearWrite(t)) }

func (r *run) deleteWrite(t *rapid.T) write {
	body := object{}
	s := r.choose(t, body, true)
	return write{"delete", body, func() { r.c.Delete(s) }}
}

func (r *run) delete(t *rapid.T) {
	if chance(t, "rarely", 40) {
		r.apply(t, "POST", "/points/delete", r.deleteWrite(t))
	}
}

// batch does several writes at once. Whether an id is there is drawn from the
// model as it is after the writes before it.
func (r *run) batch(t *rapid.T) {
	operations := []any{}
	draws := []func(*rapid.T) write{r.upsertWrite, r.setWrite, r.overwriteWrite, r.deletePayloadWrite, r.clearWrite, r.deleteWrite, r.dropVectorsWrite}
	for range 1 + below(t, "operations", 4) {
		w := pick(t, "write", draws...)(t)
		operations = append(operations, object{w.name: w.body})
		w.effect()
	}
	r.do(t, "POST", r.path(t, "/points/batch"+wait), object{"operations": operations})
}

var kinds = map[string][]string{
	"city": {"keyword"}, "tags": {"keyword"}, "n": {"integer"}, "price": {"float"}, "ok": {"bool"}, "text": {"text"},
	"at": {"datetime"}, "uid": {"uuid", "keyword"}, "place": {"geo"}, "nested[].k": {"integer"}, "nested[].v": {"integer"}, "deep.list[].x": {"integer"},
}

func (r *run) createIndex(t *rapid.T) {
	field := pick(t, "field", slices.Sorted(maps.Keys(kinds))...)
	kind := pick(t, "kind", kinds[field]...)
	var schema any = kind
	switch {
	case kind == "text":
		schema = object{"type": "text", "tokenizer": pick(t, "tokenizer", "word", "whitespace"), "lowercase": true, "phrase_matching": true}
	case chance(t, "options", 40):
		options := object{"type": kind, "on_disk": chance(t, "on disk", 50)}
		if kind == "keyword" || kind == "uuid" {
			options["is_tenant"] = chance(t, "tenant", 50)
			options["enable_hnsw"] = chance(t, "graph", 70)
		}
		schema = options
	}
	if kind := r.c.Indexes[field]; kind != "" {
		t.Skip("there is one")
	}
	r.do(t, "PUT", r.path(t, "/index"+wait), object{"field_name": field, "field_schema": schema})
	r.c.Indexes[field] = kind
}

func (r *run) dropIndex(t *rapid.T) {
	if len(r.c.Indexes) == 0 || chance(t, "keep", 50) {
		t.Skip("nothing to drop")
	}
	field := pick(t, "field", slices.Sorted(maps.Keys(r.c.Indexes))...)
	r.do(t, "DELETE", r.path(t, "/index/"+field+wait), nil)
	delete(r.c.Indexes, field)
}

// changeVectors adds the vector c, or removes it.
func (r *run) changeVectors(t *rapid.T) {
	if _, unnamed := r.c.Vectors[""]; unnamed {
		t.Skip("the vector has no name")
	}
	if _, there := r.c.Vectors["c"]; there {
		r.do(t, "DELETE", r.path(t, "/vectors/c"+wait), nil)
		r.c.DropVector("c")
		return
	}
	p := Params{2, pick(t, "distance", "Cosine", "Dot", "Euclid", "Manhattan")}
	r.do(t, "PUT", r.path(t, "/vectors/c"+wait), object{"dense": object{"size": p.Size, "distance": p.Distance}})
	r.c.Vectors["c"] = p
}

func (r *run) changeAlias(t *rapid.T) {
	name := fmt.Sprintf("%s-alias%d", r.name, below(t, "alias", 3))
	at := slices.Index(r.aliases, name)
	if at < 0 {
		r.do(t, "POST", "/collections/aliases", object{"actions": []any{object{"create_alias": object{"alias_name": name, "collection_name": r.name}}}})
		r.aliases = append(r.aliases, name)
		return
	}
	other := name + "-renamed"
	if chance(t, "rename", 50) && !slices.Contains(r.aliases, other) {
		r.do(t, "POST", "/collections/aliases", object{"actions": []any{object{"rename_alias": object{"old_alias_name": name, "new_alias_name": other}}}})
		r.aliases[at] = other
		return
	}
	r.do(t, "POST", "/collections/aliases", object{"actions": []any{object{"delete_alias": object{"alias_name": name}}}})
	r.aliases = slices.Delete(r.aliases, at, at+1)
}

func (r *run) patch(t *rapid.T) {
	body := pick(t, "change",
		object{"hnsw_config": object{"m": 8}}, object{"hnsw_config": object{"m": 0, "payload_m": 8}}, object{"optimizers_config": object{"indexing_threshold": 1}},
		object{"optimizers_config": object{"indexing_threshold": 20000}}, object{"params": object{"on_disk_payload": false}}, object{"metadata": object{"a": 1}})
	r.do(t, "PATCH", r.path(t, ""), body)
}

func (r *run) restarts(t *rapid.T) {
	if !chance(t, "really", 12) {
		t.Skip("not now")
	}
	if err := r.restart(chance(t, "kill", 60)); err != nil {
		t.Fatal(err)
	}
}

func (r *run) snapshot(t *rapid.T) {
	if !chance(t, "really", 20) || len(r.snapshots) > 2 {
		t.Skip("not now")
	}
	status, result, message, err := r.call("POST", r.path(t, "/snapshots"+wait), nil)
	name := r.named(t, status, result, message, err)
	r.steps++
	r.snapshots[name] = r.c.Clone()
	r.taken = append(r.taken, name)
}

func (r *run) recover(t *rapid.T) {
	if len(r.snapshots) == 0 || !chance(t, "really", 40) {
		t.Skip("no snapshot")
	}
	name := pick(t, "snapshot", r.taken...) // not by name: names have times, and a seed should repeat
	path, body := "/collections/"+r.name+"/snapshots/recover"+wait, object{"location": name, "priority": "snapshot"}
	if !maps.Equal(r.c.Vectors, r.snapshots[name].Vectors) {
		if status, _, message, err := r.call("PUT", path, body); status != 400 || !strings.Contains(message, "vector") {
			t.Fatalf("a snapshot with other vectors: %d %s, %v", status, message, err)
		}
		return
	}
	r.do(t, "PUT", path, body)
	r.c = r.snapshots[name].Clone()
}

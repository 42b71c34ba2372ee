package filter

import (
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/kithdb/kith/storage/point"
)

// Compact checks that a payload is a JSON object and takes out white space.
// Numbers keep their digits.
func Compact(payload []byte) ([]byte, error) {
	v, err := parseObject(payload)
	if err != nil {
		return nil, err
	}
	return v.MarshalTo(make([]byte, 0, len(payload))), nil
}

func parseObject(payload []byte) (*fastjson.Value, error) {
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	var p fastjson.Parser
	v, err := p.ParseBytes(payload)
	if err != nil {
		return nil, wrong("payload", "%v", err)
	}
	if v.Type() != fastjson.TypeObject {
		return nil, wrong("payload", "expected an object, got %s", v.Type())
	}
	return v, nil
}

// Merge sets the top-level keys of patch in a payload, or, with a key, in the
// objects that the path leads to; objects missing on the way are made. The
// result is compact and shares nothing with its inputs.
func Merge(payload, patch []byte, key string) ([]byte, error) {
	doc, err := parseObject(payload)
	if err != nil {
		return nil, err
	}
	add, err := parseObject(patch)
	if err != nil {
		return nil, err
	}
	if key == "" {
		mergeInto(doc, add)
		return doc.MarshalTo(nil), nil
	}
	path, err := ParsePath(key)
	if err != nil {
		return nil, err
	}
	m := merger{add: add}
	return m.at(doc, path.steps).MarshalTo(nil), nil
}

// mergeInto sets the keys of add in dst. A null takes a key away, as it does in
// the engine that the contract comes from.
func mergeInto(dst, add *fastjson.Value) {
	add.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		if v.Type() == fastjson.TypeNull {
			dst.Del(string(key))
			return
		}
		dst.Set(string(key), v)
	})
}

// merger merges an object into values below a path.
type merger struct {
	arena fastjson.Arena
	add   *fastjson.Value
}

// at answers what stands in the place of v, which may be nil, after the merge.
// What has not the type that the path needs is replaced; elements that an array
// does not have are not made.
func (m *merger) at(v *fastjson.Value, steps []step) *fastjson.Value {
	if len(steps) > 0 && steps[0].kind != keyStep {
		return m.inArray(v, steps)
	}
	if v == nil || v.Type() != fastjson.TypeObject {
		v = m.arena.NewObject()
	}
	if len(steps) == 0 {
		mergeInto(v, m.add)
		return v
	}
	v.Set(steps[0].key, m.at(v.Get(steps[0].key), steps[1:]))
	return v
}

func (m *merger) inArray(v *fastjson.Value, steps []step) *fastjson.Value {
	if v == nil || v.Type() != fastjson.TypeArray {
		return m.arena.NewArray()
	}
	for i, e := range v.GetArray() {
		if steps[0].kind == eachStep || steps[0].index == i {
			v.SetArrayItem(i, m.at(e, steps[1:]))
		}
	}
	return v
}

// DeleteKeys removes what the paths lead to. The result is compact. A path that
// ends in a single element, such as a[0], removes nothing.
func DeleteKeys(payload []byte, keys []string) ([]byte, error) {
	doc, err := parseObject(payload)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		path, err := ParsePath(key)
		if err != nil {
			return nil, err
		}
		deleteAt(doc, path.steps)
	}
	return doc.MarshalTo(nil), nil
}

func deleteAt(v *fastjson.Value, steps []step) {
	st, last := &steps[0], len(steps) == 1
	switch {
	case st.kind == eachStep && last:
		for i := len(v.GetArray()) - 1; i >= 0; i-- {
			v.Del(strconv.Itoa(i))
		}
	case st.kind == eachStep:
		for _, e := range v.GetArray() {
			deleteAt(e, steps[1:])
		}
	case child(v, st) == nil:
	case !last:
		deleteAt(child(v, st), steps[1:])
	case st.kind == indexStep: // the contract takes single elements out of no array
	default:
		v.Del(st.key)
	}
}

// Project keeps what the selector asks for: the included paths, or all but the
// excluded ones. The result may share the payload's memory.
func Project(payload []byte, sel point.PayloadSelector) ([]byte, error) {
	if !sel.Enable || payload == nil {
		return nil, nil
	}
	if sel.Include == nil {
		if len(sel.Exclude) == 0 {
			return payload, nil
		}
		return DeleteKeys(payload, sel.Exclude)
	}
	doc, err := parseObject(payload)
	if err != nil {
		return nil, err
	}
	paths := make([][]step, len(sel.Include))
	for i, key := range sel.Include {
		path, err := ParsePath(key)
		if err != nil {
			return nil, err
		}
		paths[i] = path.steps
	}
	var a fastjson.Arena
	return keep(&a, doc, paths).MarshalTo(nil), nil
}

// keep is the part of v that the paths lead to. Elements of arrays keep their
// places, and a scalar before the end of a path stays, as the contract has it.
func keep(a *fastjson.Arena, v *fastjson.Value, paths [][]step) *fastjson.Value {
	for _, p := range paths {
		if len(p) == 0 {
			return v
		}
	}
	switch v.Type() {
	case fastjson.TypeObject:
		out := a.NewObject()
		v.GetObject().Visit(func(key []byte, next *fastjson.Value) {
			if below := after(paths, step{key: string(key)}); below != nil {
				out.Set(string(key), keep(a, next, below))
			}
		})
		return out
	case fastjson.TypeArray:
		out := a.NewArray()
		if below := after(paths, step{kind: eachStep}); below != nil {
			for i, e := range v.GetArray() {
				out.SetArrayItem(i, keep(a, e, below))
			}
		}
		return out
	}
	return v
}

// after is the rest of the paths that start with a step; nil when none does.
func after(paths [][]step, first step) [][]step {
	var out [][]step
	for _, p := range paths {
		if p[0] == first {
			out = append(out, p[1:])
		}
	}
	return out
}

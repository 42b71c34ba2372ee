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
	var a fastjson.Arena
	mergeAt(&a, doc, path.steps, add)
	return doc.MarshalTo(nil), nil
}

func mergeInto(dst, add *fastjson.Value) {
	add.GetObject().Visit(func(key []byte, v *fastjson.Value) { dst.Set(string(key), v) })
}

func mergeAt(a *fastjson.Arena, v *fastjson.Value, steps []step, add *fastjson.Value) {
	if len(steps) == 0 {
		mergeInto(v, add)
		return
	}
	st := steps[0]
	next := v.Get(st.key)
	if st.each {
		if next == nil {
			return // no element to merge into
		}
		for _, e := range next.GetArray() {
			if e.Type() == fastjson.TypeObject {
				mergeAt(a, e, steps[1:], add)
			}
		}
		return
	}
	if next == nil || next.Type() != fastjson.TypeObject {
		next = a.NewObject()
		v.Set(st.key, next)
	}
	mergeAt(a, next, steps[1:], add)
}

// DeleteKeys removes what the paths lead to. The result is compact.
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
	st := steps[0]
	next := v.Get(st.key)
	switch {
	case v.Type() != fastjson.TypeObject || next == nil:
	case len(steps) == 1 && st.each:
		for i := len(next.GetArray()) - 1; i >= 0; i-- {
			next.Del(strconv.Itoa(i))
		}
	case len(steps) == 1:
		v.Del(st.key)
	case st.each:
		for _, e := range next.GetArray() {
			deleteAt(e, steps[1:])
		}
	default:
		deleteAt(next, steps[1:])
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
	var a fastjson.Arena
	out := a.NewObject()
	for _, key := range sel.Include {
		path, err := ParsePath(key)
		if err != nil {
			return nil, err
		}
		keepAt(&a, out, doc, path.steps)
	}
	return out.MarshalTo(nil), nil
}

// keepAt copies what the path leads to from src into dst, both objects.
func keepAt(a *fastjson.Arena, dst, src *fastjson.Value, steps []step) {
	st := steps[0]
	next := src.Get(st.key)
	if src.Type() != fastjson.TypeObject || next == nil {
		return
	}
	if len(steps) == 1 {
		dst.Set(st.key, next)
		return
	}
	if st.each {
		list := dst.Get(st.key)
		if list == nil {
			list = a.NewArray()
			dst.Set(st.key, list)
		}
		for i, e := range next.GetArray() {
			if list.Get(strconv.Itoa(i)) == nil {
				list.SetArrayItem(i, a.NewObject())
			}
			keepAt(a, list.Get(strconv.Itoa(i)), e, steps[1:])
		}
		return
	}
	inner := dst.Get(st.key)
	if inner == nil {
		inner = a.NewObject()
		dst.Set(st.key, inner)
	}
	keepAt(a, inner, next, steps[1:])
}

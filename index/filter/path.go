package filter

import (
	"strings"

	"github.com/valyala/fastjson"
)

// Path is a parsed payload path: `a.b`, `a[].b` (any element), `"quoted.key"`.
type Path struct {
	raw   string
	steps []step
}

type step struct {
	key  string
	each bool // the value is an array, and every element is visited
}

// maxSteps bounds a path's length.
const maxSteps = 64

// String is the path as the user wrote it.
func (p Path) String() string { return p.raw }

// ParsePath reads a payload path.
func ParsePath(s string) (Path, error) {
	p := Path{raw: s}
	for rest := s; ; {
		var st step
		var ok bool
		if st, rest, ok = parseStep(rest); !ok || len(p.steps) == maxSteps {
			return Path{}, wrong("key", "%q is not a payload path: use a.b, a[].b or \"quoted.key\"", s)
		}
		p.steps = append(p.steps, st)
		if rest == "" {
			return p, nil
		}
		if rest[0] != '.' {
			return Path{}, wrong("key", "%q is not a payload path: a dot must follow %q", s, st.key)
		}
		rest = rest[1:]
	}
}

func parseStep(s string) (st step, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		st.key, rest, ok = strings.Cut(s[1:], `"`)
	} else {
		end := strings.IndexAny(s, ".[")
		if end < 0 {
			end = len(s)
		}
		st.key, rest, ok = s[:end], s[end:], end > 0
	}
	if strings.HasPrefix(rest, "[]") {
		st.each, rest = true, rest[2:]
	}
	return st, rest, ok
}

// visit calls f for every value that the path leads to, until f returns true,
// and reports whether one did. A missing value is not visited.
func (p Path) visit(v *fastjson.Value, f func(*fastjson.Value) bool) bool {
	return visitSteps(p.steps, v, f)
}

func visitSteps(steps []step, v *fastjson.Value, f func(*fastjson.Value) bool) bool {
	if len(steps) == 0 {
		return f(v)
	}
	o, err := v.Object()
	if err != nil {
		return false
	}
	next := o.Get(steps[0].key)
	if next == nil {
		return false
	}
	if !steps[0].each {
		return visitSteps(steps[1:], next, f)
	}
	if next.Type() != fastjson.TypeArray {
		return false
	}
	for _, e := range next.GetArray() {
		if visitSteps(steps[1:], e, f) {
			return true
		}
	}
	return false
}

// Visit calls f for every scalar that a condition on the path compares: the
// elements where the value is an array. payload is a Doc's.
func (p Path) scalars(v *fastjson.Value, f func(*fastjson.Value) bool) bool {
	return p.visit(v, func(x *fastjson.Value) bool {
		if x.Type() != fastjson.TypeArray {
			return f(x)
		}
		for _, e := range x.GetArray() {
			if f(e) {
				return true
			}
		}
		return false
	})
}

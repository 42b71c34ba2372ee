package filter

import (
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// Path is a parsed payload path: `a.b`, `a[].b` (any element), `a[0].b` (one
// element), `"quoted.key"`. An array is only entered where the path says so.
type Path struct {
	raw   string
	steps []step
}

// step goes one level down.
type step struct {
	kind  stepKind
	key   string // of an object
	index int    // of an array
}

type stepKind uint8

const (
	keyStep stepKind = iota
	eachStep
	indexStep
)

// maxSteps bounds a path's length.
const maxSteps = 64

// String is the path as the user wrote it.
func (p Path) String() string { return p.raw }

// ParsePath reads a payload path.
func ParsePath(s string) (Path, error) {
	p := Path{raw: s}
	for rest := s; ; {
		key, after, ok := parseName(rest)
		if !ok {
			return Path{}, notPath(s)
		}
		p.steps = append(p.steps, step{key: key})
		for strings.HasPrefix(after, "[") {
			var st step
			if st, after, ok = parseBrackets(after); !ok {
				return Path{}, notPath(s)
			}
			p.steps = append(p.steps, st)
		}
		switch {
		case len(p.steps) > maxSteps:
			return Path{}, wrong("key", "a payload path has at most %d steps", maxSteps)
		case after == "":
			return p, nil
		case after[0] != '.':
			return Path{}, notPath(s)
		}
		rest = after[1:]
	}
}

func notPath(s string) error {
	return wrong("key", "%q is not a payload path: use a.b, a[].b, a[0].b or \"quoted.key\"", s)
}

// parseName reads a key at the start of s, quoted or plain. A plain key may hold
// any sign but . and [: the contract's engine wants quotes around more.
func parseName(s string) (key, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		return strings.Cut(s[1:], `"`)
	}
	end := strings.IndexAny(s, ".[")
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:], end > 0
}

// parseBrackets reads [] or [3].
func parseBrackets(s string) (st step, rest string, ok bool) {
	inner, rest, ok := strings.Cut(s[1:], "]")
	if !ok || inner == "" {
		return step{kind: eachStep}, rest, ok
	}
	n, err := strconv.ParseUint(inner, 10, 31)
	return step{kind: indexStep, index: int(n)}, rest, err == nil && inner[0] != '+'
}

// elements is the path to the elements of the array that p leads to: p itself
// when it ends in [].
func (p Path) elements() []step {
	if p.each(len(p.steps) - 1) {
		return p.steps
	}
	return append(p.steps[:len(p.steps):len(p.steps)], step{kind: eachStep})
}

func (p Path) each(i int) bool { return i >= 0 && p.steps[i].kind == eachStep }

// visit calls f for every value that the steps lead to, until f returns true,
// and reports whether one did. A missing value is not visited.
func visit(steps []step, v *fastjson.Value, f func(*fastjson.Value) bool) bool {
	for i := range steps {
		if steps[i].kind == eachStep {
			return visitEach(steps[i+1:], v, f)
		}
		if v = child(v, &steps[i]); v == nil {
			return false
		}
	}
	return f(v)
}

func visitEach(steps []step, v *fastjson.Value, f func(*fastjson.Value) bool) bool {
	if v.Type() != fastjson.TypeArray {
		return false
	}
	for _, e := range v.GetArray() {
		if visit(steps, e, f) {
			return true
		}
	}
	return false
}

// child is the value one step below v; nil when there is none.
func child(v *fastjson.Value, st *step) *fastjson.Value {
	switch {
	case st.kind == keyStep && v.Type() == fastjson.TypeObject:
		return v.GetObject().Get(st.key)
	case st.kind == indexStep && v.Type() == fastjson.TypeArray && st.index < len(v.GetArray()):
		return v.GetArray()[st.index]
	}
	return nil
}

// scalars calls f for every value that a condition on the path compares: the
// elements where the path leads to an array.
func (p Path) scalars(v *fastjson.Value, f func(*fastjson.Value) bool) bool {
	return visit(p.steps, v, func(x *fastjson.Value) bool {
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

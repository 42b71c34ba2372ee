package model

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Step is one step of a payload path: a key, an index, or every element.
type Step struct {
	Key  string
	At   int // -1: none
	Each bool
}

// Path cuts a.b[].c[0]."d.e" into steps.
func Path(text string) (out []Step) {
	for text != "" {
		var key string
		if strings.HasPrefix(text, `"`) {
			key, text, _ = strings.Cut(text[1:], `"`)
		} else {
			end := strings.IndexAny(text, ".[")
			if end < 0 {
				end = len(text)
			}
			key, text = text[:end], text[end:]
		}
		out = append(out, Step{Key: key, At: -1})
		for strings.HasPrefix(text, "[") {
			var inside string
			inside, text, _ = strings.Cut(text[1:], "]")
			if at, err := strconv.Atoi(inside); err == nil {
				out = append(out, Step{At: at})
			} else {
				out = append(out, Step{Each: true, At: -1})
			}
		}
		text = strings.TrimPrefix(text, ".")
	}
	return out
}

// Values are what the path leads to.
func Values(v any, path []Step) []any {
	if len(path) == 0 {
		return []any{v}
	}
	s := path[0]
	switch v := v.(type) {
	case map[string]any:
		if next, ok := v[s.Key]; ok && !s.Each && s.At < 0 {
			return Values(next, path[1:])
		}
	case []any:
		var out []any
		for i, x := range v {
			if s.Each || s.At == i {
				out = append(out, Values(x, path[1:])...)
			}
		}
		return out
	}
	return nil
}

// flat opens the lists among the values: a condition holds for a list when it
// holds for one of its elements.
func flat(values []any) (out []any) {
	for _, v := range values {
		if list, ok := v.([]any); ok {
			out = append(out, list...)
			continue
		}
		out = append(out, v)
	}
	return out
}

// integer is a JSON number without a fraction as it is written.
func integer(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, err == nil
}

func number(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

package filter

import "strings"

// Bind is a copy of the filter whose text conditions cut text as the text
// indexes of their fields do. analyzer answers nil for a field without one.
// Parts without text conditions are shared with f.
func (f *Filter) Bind(analyzer func(field string) Analyze) *Filter {
	if f == nil || analyzer == nil {
		return f
	}
	b := binder{analyzer: analyzer}
	return b.filter(f, "")
}

type binder struct{ analyzer func(field string) Analyze }

// filter binds a filter that is evaluated on what the prefix leads to.
func (b binder) filter(f *Filter, prefix string) *Filter {
	if !f.hasText() {
		return f
	}
	out := &Filter{
		Must:    b.conditions(f.Must, prefix),
		Should:  b.conditions(f.Should, prefix),
		MustNot: b.conditions(f.MustNot, prefix),
	}
	if f.MinShould != nil {
		out.MinShould = &MinShould{
			Conditions: b.conditions(f.MinShould.Conditions, prefix),
			MinCount:   f.MinShould.MinCount,
		}
	}
	return out
}

func (b binder) conditions(list []Condition, prefix string) []Condition {
	out := append([]Condition(nil), list...)
	for i := range out {
		c := &out[i]
		switch {
		case c.Match != nil && c.Match.Text != nil:
			m := *c.Match
			m.Text = m.Text.bind(b.analyzer(prefix + m.Key.String()))
			c.Match = &m
		case c.Nested != nil:
			n := *c.Nested
			n.Filter = b.filter(n.Filter, prefix+elements(n.Key.String()))
			c.Nested = &n
		case c.Filter != nil:
			c.Filter = b.filter(c.Filter, prefix)
		}
	}
	return out
}

// elements is the prefix of the fields inside the objects of an array.
func elements(key string) string {
	if len(key) > 2 && strings.HasSuffix(key, "[]") {
		return key + "."
	}
	return key + "[]."
}

func (f *Filter) hasText() bool {
	if hasText(f.Must) || hasText(f.Should) || hasText(f.MustNot) {
		return true
	}
	return f.MinShould != nil && hasText(f.MinShould.Conditions)
}

func hasText(list []Condition) bool {
	for i := range list {
		c := &list[i]
		switch {
		case c.Match != nil && c.Match.Text != nil:
			return true
		case c.Nested != nil && c.Nested.Filter.hasText():
			return true
		case c.Filter != nil && c.Filter.hasText():
			return true
		}
	}
	return false
}

package server

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// fieldIndex is a payload index, as far as filters care.
type fieldIndex struct {
	field, kind string
	lookup      bool // integer: by value
	ranges      bool // integer: by range
	tenant      bool
}

func fieldIndexes(col *cluster.Collection) ([]fieldIndex, error) {
	schemas, err := col.PayloadIndexes()
	if err != nil {
		return nil, err
	}
	out := make([]fieldIndex, len(schemas))
	for i, s := range schemas {
		var o struct {
			Lookup *bool `json:"lookup"`
			Range  *bool `json:"range"`
			Tenant *bool `json:"is_tenant"`
		}
		if len(s.Options) > 0 && s.Options[0] == '{' {
			if err := json.Unmarshal(s.Options, &o); err != nil {
				return nil, err
			}
		}
		out[i] = fieldIndex{
			field: s.Field, kind: string(s.Kind),
			lookup: !forbids(o.Lookup), ranges: !forbids(o.Range), tenant: o.Tenant != nil && *o.Tenant,
		}
	}
	return out, nil
}

func (k *strict) fields() ([]fieldIndex, error) {
	if k.known {
		return k.indexes, nil
	}
	var err error
	k.indexes, err = fieldIndexes(k.col)
	k.known = err == nil
	return k.indexes, err
}

// filter refuses a filter that is too large, or whose fields have no index that
// fits when allowed says no.
func (k *strict) filter(f *filter.Filter, allowed *bool) error {
	if f.IsZero() {
		return nil
	}
	if limit := k.m.FilterMaxConditions; limit != nil {
		if n := conditions(f); n > *limit {
			return strictly("Reduce the amount of conditions of your filter.", "Filter condition limit reached (%d > %d)", n, *limit)
		}
	}
	if limit := k.m.ConditionMaxSize; limit != nil {
		if n := largest(f); n > *limit {
			return strictly("Reduce the size of your condition.", "Condition size limit reached (%d > %d)", n, *limit)
		}
	}
	if !forbids(allowed) {
		return nil
	}
	have, err := k.fields()
	if err != nil {
		return err
	}
	for _, w := range wantsOf(f) {
		if !w.met(have) {
			return strictly("Create an index for this key or use a different filter.",
				"Index required but not found for %q of one of the following types: [%s]", w.field, strings.Join(w.kinds, ", "))
		}
	}
	return nil
}

// groupable are the kinds of index that can group.
var groupable = []string{"bool", "integer", "keyword", "uuid"}

func (k *strict) group(field string) error {
	if field == "" || !forbids(k.m.UnindexedFilteringRetrieve) {
		return nil
	}
	have, err := k.fields()
	if err != nil || slices.ContainsFunc(have, func(ix fieldIndex) bool { return ix.field == field && slices.Contains(groupable, ix.kind) }) {
		return err
	}
	return strictly("Create an index supporting `match` for this key.", "Index required but not found for %q", field)
}

// byTenant tells whether a filter names a field whose index says that its values
// are tenants.
func (k *strict) byTenant(f *filter.Filter) (bool, error) {
	have, err := k.fields()
	if err != nil || f.IsZero() {
		return false, err
	}
	return slices.ContainsFunc(wantsOf(f), func(w want) bool {
		return slices.ContainsFunc(have, func(ix fieldIndex) bool { return ix.tenant && ix.field == w.field })
	}), nil
}

// want is a field that a condition looks at, and the kinds of index that decide
// the condition.
type want struct {
	field  string
	kinds  []string
	ranges bool // of an integer index, the part that knows ranges
}

func (w *want) met(have []fieldIndex) bool {
	return slices.ContainsFunc(have, func(ix fieldIndex) bool {
		if ix.field != w.field || !slices.Contains(w.kinds, ix.kind) {
			return false
		}
		switch {
		case ix.kind != "integer" || len(w.kinds) == len(anyKind):
			return true
		case w.ranges:
			return ix.ranges
		}
		return ix.lookup
	})
}

var (
	anyKind     = []string{"bool", "datetime", "float", "geo", "integer", "keyword", "text", "uuid"}
	stringKinds = []string{"keyword", "uuid"}
	intKinds    = []string{"integer"}
	boolKinds   = []string{"bool"}
	textKinds   = []string{"text"}
	prefixKinds = []string{"keyword"}
	rangeKinds  = []string{"float", "integer"}
	timeKinds   = []string{"datetime"}
	geoKinds    = []string{"geo"}
)

// wantsOf lists what all conditions of a filter want, in their order.
func wantsOf(f *filter.Filter) []want {
	var out []want
	each(f, "", func(c *filter.Condition, prefix string) {
		if w, ok := wantOf(c); ok {
			w.field = prefix + w.field
			out = append(out, w)
		}
	})
	return out
}

func wantOf(c *filter.Condition) (want, bool) {
	switch {
	case c.Match != nil:
		return want{field: c.Match.Key.String(), kinds: matchKinds(c.Match)}, true
	case c.Range != nil:
		return want{field: c.Range.Key.String(), kinds: rangeKinds, ranges: true}, true
	case c.Datetime != nil:
		return want{field: c.Datetime.Key.String(), kinds: timeKinds}, true
	case c.GeoBox != nil:
		return want{field: c.GeoBox.Key.String(), kinds: geoKinds}, true
	case c.GeoRadius != nil:
		return want{field: c.GeoRadius.Key.String(), kinds: geoKinds}, true
	case c.GeoPolygon != nil:
		return want{field: c.GeoPolygon.Key.String(), kinds: geoKinds}, true
	case c.ValuesCount != nil:
		return want{field: c.ValuesCount.Key.String(), kinds: anyKind}, true
	case c.IsEmpty != nil:
		return want{field: c.IsEmpty.String(), kinds: anyKind}, true
	case c.IsNull != nil:
		return want{field: c.IsNull.String(), kinds: anyKind}, true
	}
	return want{}, false // by id, vector or slice: no field is read
}

func matchKinds(m *filter.Match) []string {
	values := m.Any
	if values == nil {
		values = m.Except
	}
	switch {
	case m.Text != nil:
		return textKinds
	case m.Prefix != nil:
		return prefixKinds
	case values != nil && len(values.Ints) > 0, m.Value != nil && m.Value.Kind == filter.IntValue:
		return intKinds
	case m.Value != nil && m.Value.Kind == filter.BoolValue:
		return boolKinds
	}
	if m.Value == nil || isUUID(m.Value.Str) {
		return stringKinds
	}
	return stringKinds[:1]
}

func isUUID(text string) bool {
	id, err := point.Parse(text)
	return err == nil && strings.Contains(id.String(), "-")
}

// each calls visit for every condition of a filter that is no filter itself.
// Conditions within nested get the prefix of their keys.
func each(f *filter.Filter, prefix string, visit func(c *filter.Condition, prefix string)) {
	lists := [][]filter.Condition{f.Must, f.Should, f.MustNot}
	if f.MinShould != nil {
		lists = append(lists, f.MinShould.Conditions)
	}
	for _, list := range lists {
		for i := range list {
			switch c := &list[i]; {
			case c.Filter != nil:
				each(c.Filter, prefix, visit)
			case c.Nested != nil:
				each(c.Nested.Filter, prefix+strings.TrimSuffix(c.Nested.Key.String(), "[]")+"[].", visit)
			default:
				visit(c, prefix)
			}
		}
	}
}

// conditions counts the conditions of a filter, however deep.
func conditions(f *filter.Filter) (n int) {
	each(f, "", func(*filter.Condition, string) { n++ })
	return n
}

// largest is the size of a filter's largest condition: how many values, ids or
// places it lists.
func largest(f *filter.Filter) (most int) {
	each(f, "", func(c *filter.Condition, _ string) { most = max(most, sizeOf(c)) })
	return most
}

func sizeOf(c *filter.Condition) int {
	switch {
	case c.HasID != nil:
		return len(c.HasID.IDs)
	case c.GeoPolygon != nil:
		n := len(c.GeoPolygon.Exterior)
		for _, hole := range c.GeoPolygon.Interiors {
			n += len(hole)
		}
		return n
	case c.Match != nil && c.Match.Any != nil:
		return len(c.Match.Any.Strings) + len(c.Match.Any.Ints)
	case c.Match != nil && c.Match.Except != nil:
		return len(c.Match.Except.Strings) + len(c.Match.Except.Ints)
	}
	return 0
}

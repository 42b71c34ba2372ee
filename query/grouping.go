package query

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// GroupID is the value that a group's points share: a string or an integer.
type GroupID struct {
	text     string
	number   uint64 // of a negative integer, its two's complement
	negative bool
	isText   bool
}

// groupID reads a payload value; false for what names no group.
func groupID(v *fastjson.Value) (GroupID, bool) {
	switch v.Type() {
	case fastjson.TypeString:
		text, err := v.StringBytes()
		return GroupID{text: string(text), isText: true}, err == nil
	case fastjson.TypeNumber:
		if n, err := v.Int64(); err == nil {
			return GroupID{number: uint64(n), negative: n < 0}, true
		}
		n, err := v.Uint64()
		return GroupID{number: n}, err == nil
	}
	return GroupID{}, false
}

// AppendJSON appends the value as the payload has it.
func (id GroupID) AppendJSON(dst []byte) []byte {
	switch {
	case id.isText:
		text, err := json.Marshal(id.text)
		if err != nil {
			return append(dst, `""`...) // no string fails to marshal
		}
		return append(dst, text...)
	case id.negative:
		return strconv.AppendInt(dst, int64(id.number), 10)
	}
	return strconv.AppendUint(dst, id.number, 10)
}

// Point is the id of the point that the value names, when it names one.
func (id GroupID) Point() (point.ID, bool) {
	if !id.isText {
		return point.Number(id.number), !id.negative
	}
	p, err := point.ParseUUID(id.text)
	return p, err == nil
}

// into adds the value to a list that a filter compares; false where it has no
// form there.
func (id GroupID) into(v *filter.Values) bool {
	switch {
	case id.isText:
		v.Strings[id.text] = struct{}{}
	case id.negative || id.number < 1<<63:
		v.Ints[int64(id.number)] = struct{}{}
	default:
		return false
	}
	return true
}

// member is a point of a group. It is read when the answer is made, unless it
// was read already.
type member struct {
	id    point.ID
	dist  float32
	found *candidate
	ready *point.Scored
}

func byRank(a, b *member) int {
	return cmp.Or(cmp.Compare(a.dist, b.dist), point.Compare(a.id, b.id))
}

type group struct {
	id      GroupID
	number  int // how many groups came before
	members []*member
}

// grouping gathers groups. One goroutine.
type grouping struct {
	ctx    context.Context
	shards []Shard
	r      *GroupsRequest
	metric index.Metric
	doc    filter.Doc
	groups map[GroupID]*group
	seen   map[point.ID]struct{}
	views  []func() // ends the views that members point into
}

func (g *grouping) release() {
	for _, release := range g.views {
		release()
	}
}

// first is how many points the first round looks at: enough where every group
// is as large as asked.
func (g *grouping) first() int {
	return max(firstRound, 2*min(g.r.Limit, 1<<12)*min(g.r.Size, 1<<12))
}

// join puts a point into the groups that its payload, in doc, names. Points come
// best first: a group that turns up after enough others is none of the best.
func (g *grouping) join(m *member) (joined bool) {
	g.doc.Scalars(g.r.By, func(v *fastjson.Value) bool {
		id, ok := groupID(v)
		if !ok {
			return false
		}
		to := g.groups[id]
		if to == nil {
			if len(g.groups) == g.r.Limit {
				return false
			}
			to = &group{id: id, number: len(g.groups)}
			g.groups[id] = to
		}
		if len(to.members) < g.r.Size && !slices.Contains(to.members, m) {
			to.members = append(to.members, m)
			joined = true
		}
		return false
	})
	return joined
}

// full tells that no further point can change the answer.
func (g *grouping) full() bool {
	if len(g.groups) < g.r.Limit {
		return false
	}
	for _, to := range g.groups {
		if len(to.members) < g.r.Size {
			return false
		}
	}
	return true
}

// missing is the request's filter, narrowed to points that may still change the
// answer: those with a value that is no full group's or, once there are groups
// enough, those of the groups that are not full.
func (g *grouping) missing() *filter.Filter {
	if len(g.groups) == 0 {
		return g.r.Filter
	}
	full, open := values(), values()
	exact := true
	for id, to := range g.groups {
		if len(to.members) == g.r.Size {
			id.into(full) // left out where it has no form: its points come again, and change nothing
		} else {
			exact = id.into(open) && exact
		}
	}
	m := &filter.Match{Key: g.r.By, Except: full}
	if len(g.groups) == g.r.Limit && exact {
		m = &filter.Match{Key: g.r.By, Any: open}
	}
	out := &filter.Filter{Must: []filter.Condition{{Match: m}}}
	if !g.r.Filter.IsZero() {
		out.Must = append(out.Must, filter.Condition{Filter: g.r.Filter})
	}
	return out
}

func values() *filter.Values {
	return &filter.Values{Strings: map[string]struct{}{}, Ints: map[int64]struct{}{}}
}

// answer reads what the groups show, best group first.
func (g *grouping) answer() ([]Group, error) {
	all := make([]*group, 0, len(g.groups))
	for _, to := range g.groups {
		slices.SortFunc(to.members, byRank)
		all = append(all, to)
	}
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(byRank(a.members[0], b.members[0]), cmp.Compare(a.number, b.number)) // of one point: as its payload has them
	})
	out := make([]Group, len(all))
	for i, from := range all {
		out[i] = Group{ID: from.id, Hits: make([]point.Scored, 0, len(from.members))}
		for _, m := range from.members {
			if err := g.read(m); err != nil {
				return nil, err
			}
			if m.ready != nil {
				out[i].Hits = append(out[i].Hits, *m.ready)
			}
		}
	}
	return out, nil
}

func (g *grouping) read(m *member) error {
	if m.ready != nil {
		return nil
	}
	found, err := fetch(g.ctx, []candidate{*m.found}, g.metric, g.r.Select)
	if len(found) == 1 {
		m.ready = &found[0]
	}
	return err
}

package shard

import (
	"fmt"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// Judge evaluates a filter on stored points, without any index. One goroutine.
type Judge struct {
	f    *filter.Filter
	doc  filter.Doc
	p    filter.Point
	slot index.Slot
}

// newJudge makes a judge; has says whether a slot has a named vector.
func newJudge(f *filter.Filter, has func(vector string, s index.Slot) bool) *Judge {
	j := &Judge{f: f}
	j.p = filter.Point{Doc: &j.doc, Has: func(vector string) bool { return has(vector, j.slot) }}
	return j
}

// Holds reports whether a point with this payload passes the filter.
func (j *Judge) Holds(id point.ID, s index.Slot, payload []byte) (bool, error) {
	if err := j.doc.Parse(payload); err != nil {
		return false, fmt.Errorf("payload of point %s: %w", id, err)
	}
	j.p.ID, j.slot = id, s
	return j.f.Match(&j.p), nil
}

// Judge evaluates a filter on the view's points.
func (v *View) Judge(f *filter.Filter) *Judge { return newJudge(v.st.bind(f), v.Has) }

// Has reports whether a live slot has a named vector.
func (v *View) Has(vector string, s index.Slot) bool {
	f, ok := v.st.field(vector)
	return ok && f.has.Contains(s)
}

// judge evaluates a filter on points as this run of operations has left them.
func (t *stager) judge(f *filter.Filter) *Judge {
	st := t.s.current.Load()
	fields := st.fields
	return newJudge(st.bind(f), func(vector string, s index.Slot) bool {
		for i := range fields {
			if fields[i].conf.Name == vector {
				return t.c.has[i].Contains(s)
			}
		}
		return false
	})
}

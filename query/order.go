package query

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// OrderBy asks for points in the order of a payload field's values, equal values
// in the order of the points' ids.
type OrderBy struct {
	Field string
	Down  bool
	From  *payload.Key // first value of the page; nil: from where the order begins
}

func (o *OrderBy) compare(a, b payload.Key) int {
	if o.Down {
		return b.Compare(a)
	}
	return a.Compare(b)
}

// Ordered is a point and the value that puts it in its place.
type Ordered struct {
	point.Point
	Value payload.Key
}

// InOrder answers a page of points by the values of a field that has an index
// with ranges. A point with several values comes once for each of them.
func InOrder(ctx context.Context, shards []Shard, r *ScrollRequest) ([]Ordered, error) {
	var all []Ordered
	for _, s := range shards {
		o := &ordering{ctx: ctx, r: r}
		part, err := o.page(s.s)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	slices.SortFunc(all, func(a, b Ordered) int {
		return cmp.Or(r.OrderBy.compare(a.Value, b.Value), point.Compare(a.ID, b.ID))
	})
	return all[:min(r.Limit, len(all))], nil
}

// ordering reads one shard's page. One goroutine.
type ordering struct {
	ctx  context.Context
	r    *ScrollRequest
	view *shard.View
	kind payload.Kind
	set  *index.Set

	places []place
	from   int // the first of places that has the value being looked through
	seen   int
}

// place is a point and one of its values.
type place struct {
	id  point.ID
	key payload.Key
}

func (o *ordering) page(s *shard.Shard) ([]Ordered, error) {
	var err error
	if o.view, o.set, err = matched(o.ctx, s, o.r.Filter); err != nil {
		return nil, err
	}
	defer o.view.Release()
	if err := o.collect(); err != nil {
		return nil, err
	}
	return o.read()
}

// collect finds the page's places by the index.
func (o *ordering) collect() error {
	by, indexes := o.r.OrderBy, o.view.Indexes()
	ix, _ := indexes.Schema(by.Field)
	o.kind = ix.Kind
	ok, err := indexes.Ordered(by.Field, payload.Order{Down: by.Down, From: by.From}, o.visit)
	switch {
	case err != nil:
		return err
	case !ok:
		return &schema.FieldError{Field: "order_by", Problem: "No range index for `order_by` key: `" + by.Field +
			"`. Create one to use `order_by`: an integer, float or datetime index, whose range is not switched off"}
	}
	return o.ctx.Err()
}

// visit takes a value's slot, as they come: by value, and in no order within one.
// Of equal values only the lowest ids are kept.
func (o *ordering) visit(key payload.Key, slot index.Slot) bool {
	if o.seen++; o.seen%4096 == 0 && o.ctx.Err() != nil {
		return false
	}
	key, ok := shown(o.kind, key)
	if !ok || !o.set.Contains(slot) {
		return true
	}
	if n := len(o.places); n > 0 && o.places[n-1].key.Compare(key) != 0 {
		if n >= o.r.Limit {
			return false
		}
		o.from = n
	}
	o.insert(place{o.view.ID(slot), key})
	return true
}

func (o *ordering) insert(p place) {
	at, twice := slices.BinarySearchFunc(o.places[o.from:], p, func(a, b place) int { return point.Compare(a.id, b.id) })
	if at += o.from; twice || at >= o.r.Limit {
		return
	}
	o.places = slices.Insert(o.places, at, p)
	o.places = o.places[:min(o.r.Limit, len(o.places))]
}

// shown is a key as an index of this kind answers it: integer indexes have
// integers alone, float indexes no integers.
func shown(kind payload.Kind, k payload.Key) (payload.Key, bool) {
	switch {
	case kind == payload.Float:
		return payload.FloatKey(k.Float), true
	case k.IsInt:
		return k, true
	case k.Float == math.Trunc(k.Float) && math.Abs(k.Float) < 1<<63:
		return payload.IntKey(int64(k.Float)), true
	}
	return k, false
}

// read reads the points of the page.
func (o *ordering) read() ([]Ordered, error) {
	out := make([]Ordered, 0, len(o.places))
	for _, p := range o.places {
		if err := o.ctx.Err(); err != nil {
			return nil, err
		}
		pt, ok, err := o.view.Point(p.id, o.r.Select)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, Ordered{Point: pt, Value: p.key})
		}
	}
	return out, nil
}

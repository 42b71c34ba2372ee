package shard

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// update takes over new settings. The set of vectors stays as it is.
func (t *stager) update(o *op.Op) (op.Result, error) {
	st := t.s.current.Load()
	if len(o.Schema.Vectors) != len(st.fields) {
		return op.Result{Err: errors.New("an update cannot add or remove vectors")}, nil
	}
	fields := make([]fieldState, len(st.fields))
	for i := range o.Schema.Vectors {
		v := &o.Schema.Vectors[i]
		old, ok := st.field(v.Name)
		if !ok || old.conf.Size != v.Size || old.conf.Metric != v.Metric || old.conf.Datatype != v.Datatype {
			return op.Result{Err: fmt.Errorf("vector %q: size, distance and datatype cannot change", v.Name)}, nil
		}
		fields[i] = *old
		fields[i].settings = o.Schema.HNSWFor(v)
	}
	t.c.schema, t.c.fields = o.Schema, fields
	return op.Result{}, nil
}

// settle computes what fields need of a schema.
func settle(c *schema.Collection, fields []fieldState) {
	for i := range fields {
		if v, ok := c.Vector(fields[i].conf.Name); ok {
			fields[i].settings = c.HNSWFor(v)
		}
	}
}

// createIndex indexes a payload field of every stored point. The same index
// again is fine; another kind on the same field replaces it.
func (t *stager) createIndex(o *op.Op) (op.Result, error) {
	ix, err := payload.ParseSchema(o.Field, o.FieldSchema)
	if err != nil {
		return op.Result{Err: err}, nil
	}
	for _, old := range t.s.mu.payload.Schemas() {
		if old.Field != ix.Field {
			continue
		}
		if reflect.DeepEqual(old, ix) {
			return op.Result{}, nil
		}
		if r, err := t.dropIndex(o); err != nil || r.Err != nil {
			return r, err
		}
	}
	t.c.adds = append(t.c.adds, ix)
	return op.Result{}, t.postAll(ix)
}

// postAll stages the postings of a new index for every published point.
func (t *stager) postAll(ix payload.Schema) error {
	v, err := t.s.View()
	if err != nil {
		return err
	}
	defer v.Release()
	var fault error
	err = v.c.ScanPoints(t.s.id, point.ID{}, func(_ point.ID, row storage.PointRow) bool {
		fault = payload.Rows(ix, row.Payload, func(r []byte) { t.post(r, row.Slot, true) })
		return fault == nil
	})
	return errors.Join(err, fault)
}

// dropIndex removes a payload index; a field without one is fine.
func (t *stager) dropIndex(o *op.Op) (op.Result, error) {
	t.c.drops = append(t.c.drops, o.Field)
	return op.Result{}, t.b.DropPostings(t.s.id, payload.RowPrefix(o.Field))
}

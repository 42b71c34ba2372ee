package shard

import (
	"errors"
	"fmt"

	"github.com/kithdb/kith/storage/op"
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

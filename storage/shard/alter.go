package shard

import "github.com/kithdb/kith/storage/schema"

// settle computes what fields need of a schema.
func settle(c *schema.Collection, fields []fieldState) {
	for i := range fields {
		if v, ok := c.Vector(fields[i].conf.Name); ok {
			fields[i].settings, fields[i].kind = c.HNSWFor(v), v.Index.OrGraph()
		}
	}
}

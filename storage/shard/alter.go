package shard

import "github.com/kithdb/kith/storage/schema"

// settle computes what fields need of a schema.
func settle(c *schema.Collection, fields []fieldState) {
	for i := range fields {
		if v, ok := c.Vector(fields[i].conf.Name); ok {
			fields[i].settle(c, v)
		}
	}
}

func (f *fieldState) settle(c *schema.Collection, v *schema.Vector) {
	f.settings, f.kind, f.quantization = c.HNSWFor(v), v.Index.OrGraph(), c.QuantizationFor(v)
}

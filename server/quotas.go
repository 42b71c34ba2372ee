package server

import "github.com/kithdb/kith/server/wire"

func (c *call) getQuotas() error {
	usage, u := object{}, c.s.node.Usage()
	if n, ok := u.MemoryPercent(); ok {
		usage["resident_memory_percent"] = n
	}
	if n, ok := u.DiskPercent(); ok {
		usage["disk_usage_percent"] = n
	}
	return c.json(object{"config": c.s.node.Quotas(), "usage": usage})
}

// putQuotas replaces the quotas. They hold when it answers, whether or not the
// request waits.
func (c *call) putQuotas() error {
	if _, err := c.wait(); err != nil {
		return err
	}
	q, err := wire.Quotas(c.body)
	if err != nil {
		return err
	}
	if err := c.s.node.SetQuotas(c.ctx, q); err != nil {
		return err
	}
	return c.ok()
}

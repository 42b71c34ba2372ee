package schema

import (
	"errors"
	"fmt"
)

// The bounds that a stored schema keeps; requests have the same or narrower
// ones.
const (
	maxVectors = 1 << 16
	maxShards  = 1 << 10
	maxLinks   = 1 << 12
	maxEf      = 1 << 20
)

// Check refuses a schema that no request could have made. Schemas that come
// with a snapshot are checked by it.
func (c *Collection) Check() error {
	if c.ShardNumber < 1 || c.ShardNumber > maxShards {
		return fmt.Errorf("shard_number is %d: 1 to %d", c.ShardNumber, maxShards)
	}
	if len(c.Vectors) > maxVectors {
		return fmt.Errorf("%d vectors: at most %d", len(c.Vectors), maxVectors)
	}
	for i := range c.Vectors {
		v := &c.Vectors[i]
		if i > 0 && c.Vectors[i-1].Name >= v.Name {
			return errors.New("the vectors are not in the order of their names")
		}
		if v.Size < 1 || v.Size > MaxDim || !v.Metric.Valid() {
			return fmt.Errorf("vector %q: size %d, distance %d", v.Name, v.Size, v.Metric)
		}
		if v.Number > c.LastNumber {
			return fmt.Errorf("vector %q: number %d, the last one given is %d", v.Name, v.Number, c.LastNumber)
		}
		if v.Index != nil {
			if fault := v.Index.Check(v); fault != nil {
				return fmt.Errorf("vector %q: index.%w", v.Name, fault)
			}
		}
		h := c.HNSWFor(v)
		if h.M < 0 || h.M > maxLinks || h.EfConstruct < 0 || h.EfConstruct > maxEf {
			return fmt.Errorf("vector %q: hnsw m %d, ef_construct %d", v.Name, h.M, h.EfConstruct)
		}
	}
	return nil
}

package server

import (
	"strconv"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/server/wire"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/schema"
)

// upsert and the other writes: read the body, check it against the collection,
// propose it, answer how far it has come.
func (c *call) upsert() error           { return c.one(wire.Upsert) }
func (c *call) deletePoints() error     { return c.one(wire.Delete) }
func (c *call) setPayload() error       { return c.one(wire.SetPayload) }
func (c *call) overwritePayload() error { return c.one(wire.OverwritePayload) }
func (c *call) deletePayload() error    { return c.one(wire.DeletePayload) }
func (c *call) clearPayload() error     { return c.one(wire.ClearPayload) }
func (c *call) updateVectors() error    { return c.one(wire.UpdateVectors) }
func (c *call) deleteVectors() error    { return c.one(wire.DeleteVectors) }

// createIndex answers, when it is asked to wait, once the index is complete.
func (c *call) createIndex() error {
	o, err := wire.CreateIndex(c.body)
	if err != nil {
		return err
	}
	if err := c.one(func([]byte) (op.Op, error) { return o, nil }); err != nil {
		return err
	}
	if ack, err := c.wait(); err != nil || ack != cluster.Applied {
		return err
	}
	col, err := c.collection()
	if err != nil {
		return err
	}
	return col.IndexComplete(c.ctx, o.Field)
}

func (c *call) deleteIndex() error {
	return c.one(func([]byte) (op.Op, error) { return op.Op{Kind: op.DropIndex, Field: c.params[1]}, nil })
}

// createVector adds a named vector to a living collection. Stored points do not
// have it.
func (c *call) createVector() error {
	v, err := wire.NewVector(c.body)
	if err != nil {
		return err
	}
	v.Name = c.params[1]
	return c.changeVectors(func(s *schema.Collection) error { return s.AddVector(v) })
}

// deleteVector takes a named vector from the collection and all of its points.
// One that is not there is fine, as the contract's engine has it.
func (c *call) deleteVector() error {
	return c.changeVectors(func(s *schema.Collection) error {
		s.DropVector(c.params[1])
		return nil
	})
}

func (c *call) changeVectors(change func(*schema.Collection) error) error {
	ack, err := c.wait()
	if err != nil {
		return err
	}
	id, err := c.s.node.Update(c.ctx, c.params[0], change)
	if err != nil {
		return err
	}
	c.updateResult(answer(id, ack))
	return nil
}

func answer(id uint64, ack cluster.Ack) api.UpdateResult {
	if ack == cluster.Applied {
		return api.UpdateResult{OperationID: id, Status: api.Completed}
	}
	return api.UpdateResult{OperationID: id, Status: api.Acknowledged}
}

func (c *call) one(read func([]byte) (op.Op, error)) error {
	col, err := c.collection()
	if err != nil {
		return err
	}
	o, err := read(c.body)
	if err != nil {
		return err
	}
	results, err := c.write(col, []op.Op{o})
	if err != nil {
		return err
	}
	c.updateResult(results)
	return nil
}

// batch does several writes in their order, as one.
func (c *call) batch() error {
	col, err := c.collection()
	if err != nil {
		return err
	}
	ops, err := wire.Operations(c.body)
	if err != nil {
		return err
	}
	result, err := c.write(col, ops)
	if err != nil {
		return err
	}
	c.out = append(c.out, '[')
	for i := range ops {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.updateResult(result)
	}
	c.out = append(c.out, ']')
	return nil
}

func (c *call) write(col *cluster.Collection, ops []op.Op) (api.UpdateResult, error) {
	ack, err := c.wait()
	if err != nil {
		return api.UpdateResult{}, err
	}
	if err := c.strictWrite(col, ops); err != nil {
		return api.UpdateResult{}, err
	}
	for i := range ops {
		if err := col.Schema().Prepare(ops[i].Points); err != nil {
			return api.UpdateResult{}, err
		}
		if err := col.Schema().Named(ops[i].Vectors); err != nil {
			return api.UpdateResult{}, err
		}
	}
	id, err := col.Write(c.ctx, ops, ack)
	return answer(id, ack), err
}

func (c *call) updateResult(r api.UpdateResult) {
	c.out = append(c.out, `{"operation_id":`...)
	c.out = strconv.AppendUint(c.out, r.OperationID, 10)
	c.out = append(c.out, `,"status":"`...)
	c.out = append(c.out, r.Status...)
	c.out = append(c.out, `"}`...)
}

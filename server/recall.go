package server

import "github.com/kithdb/kith/storage/shard"

// recall tells what recall was measured, by vector and breadth of search (ours,
// added to the contract).
func (c *call) recall() error {
	col, err := c.collection()
	if err != nil {
		return err
	}
	info, err := col.Info()
	if err != nil {
		return err
	}
	return c.json(object{"vectors": describeRecall(info.Status.Recall)})
}

func describeRecall(list []shard.Recall) object {
	out := object{}
	for _, r := range list {
		out[r.Vector] = object{"recall": r.Recall, "hnsw_ef": r.Ef, "points": r.Points, "curves": r.Curves}
	}
	return out
}

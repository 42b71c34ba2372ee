package query

import (
	"context"

	"github.com/kithdb/kith/index"
)

// WorkOf is what the searches of a query's shards cost, also of one that fails.
func WorkOf(ctx context.Context, shards []Shard, r *Request) (index.Work, error) {
	var sum index.Work
	for _, s := range shards {
		var g gathered
		gather(ctx, s.s, r, &g)
		if g.view != nil {
			g.view.Release()
		}
		sum = sum.Add(g.work)
		if g.err != nil {
			return sum, g.err
		}
	}
	return sum, nil
}

package query

import "github.com/kithdb/kith/index"

// byTenant has the search go by the tree of a tenant that all matches belong to,
// where that is cheaper than through the graph of all points: what the tree lacks
// is late, as the planner has it. It answers how many slots the index that is
// searched may return.
func (q *search) byTenant(set *index.Set, share float64, query *index.Query) (total int) {
	total = q.vec.Has.Len()
	tree := q.vec.Tree(q.r.Filter)
	if tree == nil || tree.Len() == 0 {
		return total
	}
	members := tree.Members()
	inside := set.And(members)
	lacks := set.Len() - inside.Len()
	ef := q.treeEf(query, tree.Len())
	part := func(n, of int) float64 { return share * float64(n) / float64(max(of, 1)) }
	cost := tree.Cost(ef, part(inside.Len(), tree.Len())) + float64(lacks)
	if inside.Len() == 0 || cost >= q.vec.Graph.Cost(query.Ef, part(set.Len(), total)) {
		return total
	}
	q.vec.Graph, q.vec.High, q.vec.Late = tree, q.view.Next(), nil
	if lacks > 0 {
		q.vec.Late = set.AndNot(members)
	}
	query.Accept, query.Ef = inside, ef
	return tree.Len() + lacks
}

// treeEf is the breadth among the points of one tenant.
func (q *search) treeEf(query *index.Query, points int) int {
	if q.r.Ef > 0 || q.r.Recall > 0 || q.vec.Effort == 0 {
		return query.Ef
	}
	return max(q.vec.EffortAmong(points), query.K, query.Rescore)
}

package query

import (
	"math"

	"github.com/kithdb/kith/storage/shard"
)

// plan is how one shard's search goes.
type plan uint8

const (
	scan plan = iota + 1 // score every match
	walk                 // search the graph, then scan what is not in it yet
)

// walkFactor is how many rows a sequential scan scores in the time that the
// graph scores one, whose rows lie anywhere.
const walkFactor = 3

// choose picks the cheaper way. matches is the (estimated) number of slots that
// pass the filter, total the number that have the vector.
func choose(v *shard.Vectors, matches, total, ef int) plan {
	if v.Graph == nil || matches == 0 {
		return scan
	}
	if int64(matches)*int64(v.Rows.Stride()) <= int64(v.Settings.FullScanThreshold)<<10 && matches < total {
		if float64(matches) <= walkFactor*walkCost(v, matches, total, ef)*4 {
			return scan
		}
	}
	if float64(matches) <= walkFactor*walkCost(v, matches, total, ef) {
		return scan
	}
	return walk
}

// walkCost estimates the distances of a walk: about M new neighbours for each
// of the ef nodes that are expanded, more of them where matches are rare.
func walkCost(v *shard.Vectors, matches, total, ef int) float64 {
	share := float64(matches) / float64(max(total, 1))
	rare := math.Sqrt(1 / max(share, 1e-4)) // two-hop expansion passes over the rest
	return float64(ef+20) * float64(v.Settings.M) * min(rare, 4)
}

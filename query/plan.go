package query

import "github.com/kithdb/kith/storage/shard"

// plan is how one shard's search goes.
type plan uint8

const (
	scan plan = iota + 1 // score every match
	walk                 // search the index, then scan what is not in it yet
)

// scanFavour is how much dearer a scan may be below full_scan_threshold: it
// answers exactly.
const scanFavour = 1.5

// choose picks the cheaper way. matches is the (estimated) number of slots that
// pass the filter, total the number that have the vector.
func choose(v *shard.Vectors, matches, total, ef int) plan {
	if v.Graph == nil || matches == 0 {
		return scan
	}
	cost := v.Graph.Cost(ef, float64(matches)/float64(max(total, 1)))
	if int64(matches)*int64(v.Rows.Stride()) <= int64(v.Settings.FullScanThreshold)<<10 && matches < total {
		cost *= scanFavour
	}
	if float64(matches) <= cost {
		return scan
	}
	return walk
}

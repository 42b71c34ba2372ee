package model

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestFilterOracle asks the same random filters without any payload index, with
// all of them and after a restart, and compares the answers with the model's.
func TestFilterOracle(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("KITH_MODEL_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("KITH_MODEL_SEED=%d repeats this", seed)
	h := newHost(t)
	flagged(t, "rapid.seed", strconv.FormatUint(seed, 10))
	flagged(t, "rapid.checks", "3")
	flagged(t, "rapid.nofailfile", "true")
	flagged(t, "rapid.shrinktime", "15s")
	asked := 0
	rapid.Check(t, func(t *rapid.T) {
		r := h.create(t)
		for range 25 {
			r.upsert(t)
		}
		var filters []object
		for range 120 {
			filters = append(filters, aFilter(t, 2))
		}
		ask := func() {
			for _, f := range filters {
				r.compareScroll(t, f)
				r.compareCount(t, f)
				asked++
			}
		}
		ask()
		r.indexAll(t)
		ask()
		if err := r.restart(true); err != nil {
			t.Fatal(err)
		}
		ask()
		r.do(t, "DELETE", "/collections/"+r.name, nil)
	})
	t.Logf("%d filters asked without indexes, with them, and after a restart", asked/3)
}

// indexAll makes an index of every field, of its first kind.
func (r *run) indexAll(t *rapid.T) {
	for _, field := range slices.Sorted(maps.Keys(kinds)) {
		kind := kinds[field][0]
		var schema any = kind
		if kind == "text" {
			schema = object{"type": "text", "tokenizer": "word", "lowercase": true, "phrase_matching": true}
		}
		r.do(t, "PUT", r.path(t, "/index"+wait), object{"field_name": field, "field_schema": schema})
		r.c.Indexes[field] = kind
	}
}

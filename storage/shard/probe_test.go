package shard

import (
	"io"
	"log/slog"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/invariant"
	"github.com/kithdb/kith/storage/schema"
)

// broken is an index with a bug that some queries meet.
type broken struct{ index.Searcher }

func (broken) Search(index.Query, []index.Hit) ([]index.Hit, index.Work) { panic("a bug") }

// A query that panics in its request panics again when recall is measured by it:
// the measurement ends, and the process does not.
func TestProbeOutlivesAPanic(t *testing.T) {
	if invariant.Enabled {
		t.Skip("builds with invariants are to fail")
	}
	p := &probe{f: &fieldState{field: &field{conf: schema.Vector{Name: "text"}}}, of: broken{}, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if hits := p.hits(index.Query{K: 1}, nil); len(hits) > 0 || !p.ended() {
		t.Errorf("%d hits, ended %v", len(hits), p.ended())
	}
}

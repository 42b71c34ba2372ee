package main

import (
	"testing"
	"time"

	"github.com/kithdb/kith/tools/process"
)

// TestPromisesSurviveKills is a short run; CI's long one is the command itself.
func TestPromisesSurviveKills(t *testing.T) {
	if testing.Short() {
		t.Skip("kills real processes for some seconds")
	}
	binary, err := process.Build(t.Context(), "../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, groups := range []int{1, 3} {
		f, err := run(t.Context(), config{Binary: binary, Rounds: 3, Seed: uint64(groups), Groups: groups, Shards: 3,
			Writers: 3, IDs: 600, Longest: 700 * time.Millisecond, Ballast: 4096, Log: t.Output()})
		if err != nil {
			t.Fatalf("groups %d: %v", groups, err)
		}
		t.Logf("groups %d: %v", groups, f)
	}
}

func TestCheckSeesBrokenPromises(t *testing.T) {
	tests := []struct {
		name  string
		ids   map[uint64]*possible
		found map[uint64]stored
		ok    bool
	}{
		{"kept", map[uint64]*possible{1: {new: state{Gen: 2}}}, map[uint64]stored{1: {state: state{Gen: 2}}}, true},
		{"lost", map[uint64]*possible{1: {new: state{Gen: 2}}}, nil, false},
		{"stale", map[uint64]*possible{1: {new: state{Gen: 2}}}, map[uint64]stored{1: {state: state{Gen: 1}}}, false},
		{"risen from the dead", map[uint64]*possible{1: {}}, map[uint64]stored{1: {state: state{Gen: 1}}}, false},
		{"open, not applied", map[uint64]*possible{1: {old: state{Gen: 1}, new: state{Gen: 2}, open: 5}}, map[uint64]stored{1: {state: state{Gen: 1}}}, true},
		{"open, applied", map[uint64]*possible{1: {old: state{Gen: 1}, new: state{Gen: 2}, open: 5}}, map[uint64]stored{1: {state: state{Gen: 2}}}, true},
		{"open, something else", map[uint64]*possible{1: {old: state{Gen: 1}, new: state{Gen: 2}, open: 5}}, map[uint64]stored{1: {state: state{Gen: 3}}}, false},
		{"applied in part", map[uint64]*possible{
			1: {new: state{Gen: 2}, open: 5}, 2: {new: state{Gen: 2}, open: 5}}, map[uint64]stored{1: {state: state{Gen: 2}}}, false},
	}
	for _, tt := range tests {
		if _, err := (&writer{ids: tt.ids}).check(tt.found, true); (err == nil) != tt.ok {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
}

func TestWatchSeesFaults(t *testing.T) {
	for line, fault := range map[string]bool{
		`{"level":"INFO","msg":"a panic is named in passing"}`: false,
		`{"level":"ERROR","msg":"background indexing failed"}`: true,
		"WARNING: DATA RACE": true,
		"panic: bug: x":      true,
	} {
		var w watch
		if _, err := w.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		if (w.err() != nil) != fault {
			t.Errorf("%s: %v", line, w.err())
		}
	}
}

package invariant_test

import (
	"testing"

	"github.com/kithdb/kith/index/invariant"
)

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func TestAssertionsFollowTheBuild(t *testing.T) {
	for name, fail := range map[string]func(){
		"check":    func() { invariant.Check(false, "x") },
		"below":    func() { invariant.Below(3, 3, "row") },
		"negative": func() { invariant.Below(-1, 3, "row") },
	} {
		if got := panics(fail); got != invariant.Enabled {
			t.Errorf("%s: panicked %v, want %v", name, got, invariant.Enabled)
		}
	}
	if panics(func() { invariant.Check(true, "x"); invariant.Below(2, 3, "row") }) {
		t.Error("a true assertion panicked")
	}
}

func TestAssertionsAllocateNothing(t *testing.T) {
	i := 1
	if n := testing.AllocsPerRun(100, func() { invariant.Check(i == 1, "x"); invariant.Below(i, 2, "row") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

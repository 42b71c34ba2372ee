package index

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The oracle is a map; every version made on the way must stay as it was.
func TestSetAgreesWithMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			set  *Set
			want []Slot
		}
		var set *Set
		model := map[Slot]bool{}
		var versions []version
		slot := rapid.OneOf(rapid.Uint32Range(0, 200), rapid.Uint32Range(PageSlots-70, PageSlots+70), rapid.Uint32Range(5*PageSlots, 5*PageSlots+3))
		for range rapid.IntRange(1, 8).Draw(t, "versions") {
			e := set.Edit()
			for range rapid.IntRange(0, 40).Draw(t, "edits") {
				s := Slot(slot.Draw(t, "slot"))
				if rapid.Bool().Draw(t, "add") {
					if e.Add(s) == model[s] {
						t.Fatalf("Add(%d) disagrees with the model", s)
					}
					model[s] = true
				} else {
					if e.Remove(s) != model[s] {
						t.Fatalf("Remove(%d) disagrees with the model", s)
					}
					delete(model, s)
				}
			}
			set = e.Done()
			want := make([]Slot, 0, len(model))
			for s := range model {
				want = append(want, s)
			}
			slices.Sort(want)
			versions = append(versions, version{set, want})
		}
		from, to := Slot(slot.Draw(t, "from")), Slot(slot.Draw(t, "to"))
		for _, v := range versions {
			if got := slices.Collect(v.set.All()); !slices.Equal(got, v.want) || v.set.Len() != len(v.want) {
				t.Fatalf("set %v (len %d), want %v", got, v.set.Len(), v.want)
			}
			var inside []Slot
			for _, s := range v.want {
				if s >= from && s < to {
					inside = append(inside, s)
				}
			}
			if got := slices.Collect(v.set.Range(from, to)); !slices.Equal(got, inside) || v.set.Count(from, to) != len(inside) {
				t.Fatalf("range [%d,%d): %v, want %v", from, to, got, inside)
			}
		}
		a, b := versions[0], versions[len(versions)-1]
		for _, s := range append(a.want, b.want...) {
			if a.set.And(b.set).Contains(s) != (a.set.Contains(s) && b.set.Contains(s)) {
				t.Fatalf("And is wrong at %d", s)
			}
			if a.set.AndNot(b.set).Contains(s) != (a.set.Contains(s) && !b.set.Contains(s)) {
				t.Fatalf("AndNot is wrong at %d", s)
			}
		}
		common, rest := a.set.And(b.set), a.set.AndNot(b.set)
		inA := 0
		for _, s := range a.want {
			if b.set.Contains(s) {
				inA++
			}
		}
		if n := len(slices.Collect(common.All())); n != inA || common.Len() != inA {
			t.Fatalf("And has %d slots and says %d, want %d", n, common.Len(), inA)
		}
		if n := len(slices.Collect(rest.All())); n != len(a.want)-inA || rest.Len() != n {
			t.Fatalf("AndNot has %d slots and says %d, want %d", n, rest.Len(), len(a.want)-inA)
		}
		for _, shared := range []*Set{common, rest} { // pages, which an edit must copy
			e := shared.Edit()
			e.Add(Slot(slot.Draw(t, "more")))
			if shared.Len() > 0 {
				e.Remove(slices.Collect(shared.All())[0])
			}
			e.Done()
		}
		either := slices.Concat(a.want, b.want)
		slices.Sort(either)
		either = slices.Compact(either)
		if u := Union(nil, a.set, b.set); !slices.Equal(slices.Collect(u.All()), either) || u.Len() != len(either) {
			t.Fatalf("Union is %v (len %d), want %v", slices.Collect(u.All()), u.Len(), either)
		}
		if !slices.Equal(slices.Collect(a.set.All()), a.want) || !slices.Equal(slices.Collect(b.set.All()), b.want) {
			t.Fatal("Union has changed its sets")
		}
	})
}

func TestAtFindsSlotsByRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.SliceOfDistinct(rapid.Uint32Range(0, 3*PageSlots), rapid.ID[uint32]).Draw(t, "slots")
		slices.Sort(slots)
		e := (*Set)(nil).Edit()
		e.AddMany(slots)
		var ranks []int
		var want []Slot
		for i, s := range slots {
			for range rapid.IntRange(0, 2).Draw(t, "times") {
				ranks = append(ranks, i)
				want = append(want, Slot(s))
			}
		}
		if got := e.Done().At(ranks, nil); !slices.Equal(got, want) {
			t.Fatalf("At(%v) of %v = %v, want %v", ranks, slots, got, want)
		}
	})
	if got := (*Set)(nil).At(nil, nil); len(got) != 0 {
		t.Errorf("the empty set has %v", got)
	}
}

// Words have the bits of their slots, behind what was there, whatever it was.
func TestWordsAgreeWithContains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slot := rapid.OneOf(rapid.Uint32Range(0, 200), rapid.Uint32Range(PageSlots-70, PageSlots+70), rapid.Uint32Range(3*PageSlots, 3*PageSlots+3))
		e := (*Set)(nil).Edit()
		e.AddMany(rapid.SliceOf(slot).Draw(t, "slots"))
		set := e.Done()
		from, to := Slot(slot.Draw(t, "from")/64*64), Slot(slot.Draw(t, "to"))
		used := []uint64{7, ^uint64(0), ^uint64(0), ^uint64(0)}
		words := set.AppendWords(used[:1], from, to)
		if want := max(int(to)-int(from)+63, 0) / 64; words[0] != 7 || len(words) != 1+want {
			t.Fatalf("%d words of [%d,%d), the first %d", len(words), from, to, words[0])
		}
		for k, word := range words[1:] {
			for i := range 64 {
				s := from + Slot(k*64+i)
				if (word>>i&1 == 1) != (s < to && set.Contains(s)) {
					t.Fatalf("slot %d of [%d,%d)", s, from, to)
				}
			}
		}
	})
}

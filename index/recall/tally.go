package recall

import "slices"

// Window is how many samples a curve is made of at most.
const Window = 512

// Sample is what searches of one query found of its true neighbours.
type Sample struct {
	Narrow Found // of K neighbours, by Steps
	Wide   Found // of WideK neighbours, by WideSteps
}

// Found is what searches of rising breadth found. Steps that were not searched
// are taken to be as the last that was: it is enough to search until all are
// found.
type Found struct {
	Wanted int // true neighbours; fewer than asked where there are no more
	Hits   []int
}

// Whole reports whether the last search found all.
func (f *Found) Whole() bool { return len(f.Hits) > 0 && f.Hits[len(f.Hits)-1] >= f.Wanted }

// leaps is in how many leaps Climb goes up all breadths.
const leaps = 5

// Climb searches at rising breadths until all are found, and notes how many each
// finds. A wider search finds no less but by chance: so it leaps, and looks at what
// lies between two breadths only where the wider one found more. search answers
// the true neighbours found, at most Wanted.
func (f *Found) Climb(efs []int, search func(ef int) int) {
	if f.Wanted == 0 || len(efs) == 0 {
		return
	}
	hits, last := make([]int, len(efs)), len(efs)-1
	hits[0] = search(efs[0])
	for at := 0; at < last && hits[at] < f.Wanted; {
		next := min(at+max(len(efs)/leaps, 1), last)
		hits[next] = search(efs[next])
		between(hits, efs, at, next, search)
		at = next
	}
	whole := slices.IndexFunc(hits, func(n int) bool { return n >= f.Wanted })
	if whole < 0 {
		whole = last
	}
	f.Hits = hits[:whole+1]
}

// between fills in what breadths between two that were searched find.
func between(hits, efs []int, low, high int, search func(ef int) int) {
	if hits[high] <= hits[low] {
		for i := low + 1; i < high; i++ {
			hits[i] = hits[low]
		}
		return
	}
	if high-low < 2 {
		return
	}
	mid := (low + high) / 2
	hits[mid] = search(efs[mid])
	between(hits, efs, low, mid, search)
	between(hits, efs, mid, high, search)
}

// Tally is the newest samples. One goroutine at a time; the zero value is empty.
type Tally struct {
	ring  []Sample
	added int
}

// Add takes a sample, and answers how many came so far; the oldest makes room.
func (t *Tally) Add(s Sample) int {
	if len(t.ring) < Window {
		t.ring = append(t.ring, s)
	} else {
		t.ring[t.added%Window] = s
	}
	t.added++
	return t.added
}

// Reset forgets all samples.
func (t *Tally) Reset() { *t = Tally{} }

// Curve sums the samples up; what they are of, the caller fills in.
func (t *Tally) Curve() *Curve {
	return &Curve{
		Samples: len(t.ring),
		Steps:   t.steps(Steps[:], func(s *Sample) *Found { return &s.Narrow }),
		Wide:    t.steps(WideSteps[:], func(s *Sample) *Found { return &s.Wide }),
	}
}

// steps keeps recall from falling as the breadth grows: where it does, it is
// chance.
func (t *Tally) steps(efs []int, of func(*Sample) *Found) []Step {
	var out []Step
	for i, ef := range efs {
		found, wanted, searched := 0, 0, false
		for j := range t.ring {
			f := of(&t.ring[j])
			if len(f.Hits) == 0 {
				continue
			}
			searched = searched || i < len(f.Hits)
			at := min(i, len(f.Hits)-1)
			found += min(f.Hits[at], f.Wanted)
			wanted += f.Wanted
		}
		if !searched || wanted == 0 {
			return out
		}
		s := Step{Ef: ef, Recall: float64(found) / float64(wanted)}
		if i > 0 {
			s.Recall = max(s.Recall, out[i-1].Recall)
		}
		out = append(out, s)
	}
	return out
}

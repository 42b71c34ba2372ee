package recall

import (
	"math"
	"slices"
	"testing"
)

// tally is of queries that miss a share of their neighbours that halves as the
// breadth doubles.
func tally(n int) *Tally {
	t := &Tally{}
	for i := range n {
		var s Sample
		s.Narrow.Wanted, s.Wide.Wanted = K, WideK
		for _, ef := range Steps {
			miss := 4 / float64(ef) * K
			s.Narrow.Hits = append(s.Narrow.Hits, K-int(miss+float64(i)/float64(n)))
		}
		for _, ef := range WideSteps {
			s.Wide.Hits = append(s.Wide.Hits, WideK-int(20/float64(ef)*WideK+float64(i)/float64(n)))
		}
		t.Add(s)
	}
	return t
}

func TestBreadthIsReadOffTheCurve(t *testing.T) {
	c := tally(Window).Curve()
	c.Points, c.Live = 1, true
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	for _, asked := range []float64{0.7, 0.9, 0.95, 0.99} {
		ef, ok := c.Ef(asked, K)
		want := 4 / (0.9 * (1 - asked))
		if !ok || math.Abs(float64(ef)-want) > 1+0.1*want {
			t.Errorf("recall %v: breadth %d, want about %.0f", asked, ef, want)
		}
		if got := c.Estimate(ef); got < asked-0.005 {
			t.Errorf("recall %v: breadth %d is estimated to give %v", asked, ef, got)
		}
		last := ef
		for _, k := range []int{15, 40, 100, 150} {
			wider, ok := c.Ef(asked, k)
			if !ok || wider < last || wider < k {
				t.Errorf("recall %v of %d neighbours: breadth %d after %d", asked, k, wider, last)
			}
			last = wider
		}
	}
	stored := *c
	stored.Live = false
	a, _ := c.Ef(0.95, K)
	if b, _ := stored.Ef(0.95, K); b <= a {
		t.Errorf("stored vectors ask for no wider search: %d, %d", b, a)
	}
	if ef, ok := c.Ef(0.99999, K); ok {
		t.Errorf("a recall beyond every breadth is given %d", ef)
	}
}

func TestCurvesThatNobodyMeasured(t *testing.T) {
	for _, c := range []Curve{
		{},
		{Points: 1, Samples: 1},
		{Points: 1, Samples: 1, Steps: []Step{{Ef: 10, Recall: 1.1}}},
		{Points: 1, Samples: 1, Steps: []Step{{Ef: 10, Recall: math.NaN()}}},
		{Points: 1, Samples: 1, Steps: []Step{{Ef: 10, Recall: 0.9}, {Ef: 10, Recall: 0.95}}},
		{Points: 1, Samples: 1, Steps: []Step{{Ef: 10, Recall: 0.9}, {Ef: 20, Recall: 0.8}}},
	} {
		if c.Check() == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// A climb notes what a search at each breadth would have found, and leaves out
// those between two that find as many.
func TestClimbFindsWhatEachBreadthDoes(t *testing.T) {
	for _, efs := range [][]int{Steps[:], WideSteps[:], {10}} {
		for first := range len(efs) + 1 {
			for second := first; second <= len(efs); second++ {
				found := func(i int) int { // one hit from the first on, both from the second on
					n := 0
					if i >= first {
						n++
					}
					if i >= second {
						n++
					}
					return n
				}
				searched, f := map[int]bool{}, Found{Wanted: 2}
				f.Climb(efs, func(ef int) int {
					if searched[ef] {
						t.Fatalf("breadth %d was searched twice", ef)
					}
					searched[ef] = true
					return found(slices.Index(efs, ef))
				})
				if want := min(second+1, len(efs)); len(f.Hits) != want {
					t.Fatalf("of %v: %d steps, want %d: %v", efs, len(f.Hits), want, f.Hits)
				}
				for i, n := range f.Hits {
					if n != found(i) {
						t.Errorf("breadth %d found %d, want %d", efs[i], n, found(i))
					}
				}
				if first == len(efs) && len(efs) == len(Steps) && len(searched) > leaps+1 {
					t.Errorf("%d breadths were searched to find nothing", len(searched))
				}
			}
		}
	}
}

func TestRecentQueries(t *testing.T) {
	var r Recent
	for range 100 {
		r.Offer([]float32{1, 2})
	}
	for i := range 40 {
		r.Offer([]float32{float32(i), 0})
	}
	if all := r.All(); len(all) != 41 || r.Fresh() || r.Take() != nil {
		t.Fatalf("%d kept", len(all))
	}
	for i := range 50 * Window {
		r.Offer([]float32{float32(i), 9})
	}
	n := 0
	for v := r.Take(); v != nil; v = r.Take() {
		n++
	}
	if all := r.All(); len(all) != Window || n == 0 || r.Fresh() {
		t.Errorf("%d kept, %d of them fresh", len(all), n)
	}
}

package conformance

import (
	"slices"
	"sync"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
)

// reduced is a code of the world's vectors along so many axes.
func (w *world) reduced(axes int) quant.Code {
	w.t.Helper()
	samples := make([]float32, w.n*w.shape.dim)
	for i := range w.n {
		w.shape.space.Datatype.Decode(samples[i*w.shape.dim:(i+1)*w.shape.dim], w.rows.Rows().Bytes(uint32(i)))
	}
	code, err := quant.Train(quant.Options{Kind: quant.Along, Space: w.shape.space, Dim: w.shape.dim, Axes: axes, Seed: 1}, samples)
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// A search that goes by codes answers distances of the vectors all the same, is
// nearly as good, takes slots that join later, and forgets the code.
func TestSearchesByCodes(t *testing.T) {
	each(t, func(t *testing.T, k *kind, s shape) {
		if s.space.Metric == index.Manhattan {
			return // no axes keep its distances
		}
		w := newWorld(t, k, s, 2000)
		g, ok := w.x.(quant.Guided)
		if !ok {
			t.Skipf("%s goes by its vectors alone", k.name)
		}
		if g.Code() != nil {
			t.Skipf("%s has a code of its own", k.name)
		}
		w.insert(0, 1500)
		v := w.draw()
		plain, _ := w.x.Search(index.Query{Vector: v, K: 10, Ef: k.ef}, nil)
		before := w.x.Bytes()
		if err := g.Guide(w.reduced(s.dim*3/4), index.Pace{Workers: 2}); err != nil {
			t.Fatal(err)
		}
		if w.x.Bytes() <= before || g.Code() == nil {
			t.Errorf("%d bytes before the codes, %d with them", before, w.x.Bytes())
		}
		w.insert(1500, w.n)
		w.holds("by codes", index.Query{K: 10, Ef: 2 * k.ef, Rescore: 100})
		accept := w.only(w.n, func(s int) bool { return s%4 == 0 })
		w.holds("by codes, a quarter accepted", index.Query{K: 10, Ef: 2 * k.ef, Rescore: 100, Accept: accept})
		w.holds("not by codes", index.Query{K: 10, Ef: 2 * k.ef, NoCodes: true})
		if estimates, _ := w.x.Search(index.Query{Vector: v, K: 10, Ef: k.ef, Rescore: -1}, nil); len(estimates) != 10 {
			t.Errorf("%d estimates", len(estimates))
		}
		if err := g.Guide(nil, index.Pace{Workers: 1}); err != nil || g.Code() != nil || w.x.Bytes() > 2*before {
			t.Errorf("the code does not go: %v, %d bytes, %d before", err, w.x.Bytes(), before)
		}
		if again, _ := w.x.Search(index.Query{Vector: v, K: 10, Ef: k.ef, Accept: w.upTo(1500)}, nil); len(again) != len(plain) {
			t.Errorf("without the code: %v, before it %v", again, plain)
		}
	})
}

// Codes come and go beside searches.
func TestCodesBesideSearches(t *testing.T) {
	once(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 800)
		g, ok := w.x.(quant.Guided)
		if !ok {
			t.Skipf("%s goes by its vectors alone", k.name)
		}
		if g.Code() != nil {
			t.Skipf("%s has a code of its own", k.name)
		}
		w.insert(0, 700)
		codes := []quant.Code{w.reduced(8), nil, w.reduced(16)}
		questions := [][]float32{w.draw(), w.draw(), w.draw()}
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for _, v := range questions {
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					hits, _ := w.x.Search(index.Query{Vector: v, K: 5, Ef: 20}, nil)
					if len(hits) != 5 || !slices.IsSortedFunc(hits, func(a, b index.Hit) int { return int(1e6 * (a.Dist - b.Dist)) }) {
						t.Errorf("%v", hits)
						return
					}
				}
			})
		}
		for round := range 12 {
			if err := g.Guide(codes[round%3], index.Pace{Workers: 2}); err != nil {
				t.Error(err)
			}
			w.insert(700+round*8, 708+round*8)
		}
		close(stop)
		readers.Wait()
	})
}

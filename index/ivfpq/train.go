package ivfpq

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/kithdb/kith/index"
)

const (
	// perList is how many points of the sample there are for each list.
	perList = 64
	// fewest is how many vectors a list is to have at least.
	fewest = 16
	// sampleBytes bounds the memory of the sample.
	sampleBytes = 512 << 20
)

// Train learns centroids and codebooks from the rows of live slots, and puts the
// slots that are in the index into lists by them. Without any live slot, and stopped,
// nothing changes. Searches go on; an Insert waits.
func (x *Index) Train(live *index.Set, p index.Pace) error {
	x.build.Lock()
	defer x.build.Unlock()
	w := index.NewCrew(p)
	m, d := x.learn(live, w)
	switch {
	case w.Stopped():
		return index.ErrStopped
	case m == nil:
		return nil
	}
	g, err := newGeneration(m)
	if err != nil {
		return err
	}
	g.drift.points, g.drift.spread, g.drift.imbalance = d.points, d.spread, d.imbalance
	if err := x.codeAll(g, w); err != nil {
		return errors.Join(fmt.Errorf("training: %w", err), g.close())
	}
	if w.Stopped() {
		return errors.Join(index.ErrStopped, g.close())
	}
	x.now.Store(g)
	return nil
}

// learn makes a model, nil when there is nothing to learn from.
func (x *Index) learn(live *index.Set, w *index.Crew) (*model, *drift) {
	n := live.Count(0, index.Slot(x.vectors.Rows().Len()))
	lists := x.o.Lists
	if lists == 0 {
		lists = defaultLists(n)
	}
	lists = max(1, min(lists, n/fewest))
	most := max(perList*lists, bookPoints)
	most = max(min(most, sampleBytes/4/x.o.Dim), 1)
	p := x.sample(live, most, w)
	if p.len() == 0 || w.Stopped() {
		return nil, nil
	}
	m := &model{o: x.o, frame: learnFrame(p, &x.o, w), mean: make([]float32, x.o.inner())}
	p = m.frame.layAll(p, &x.o, w)
	middle(m.mean, p, upToMany(p.len()))
	m.coarse = learn(p, lists, x.o, w)
	d := m.rest(p, w)
	m.codes = learnProduct(p, x.o.subs(), x.o.Seed, w)
	d.points = n
	return m, d
}

// sample is the vectors of at most so many of the live slots, taken evenly but
// at random, so that no order of insertion shows.
func (x *Index) sample(live *index.Set, most int, w *index.Crew) matrix {
	n := live.Count(0, index.Slot(x.vectors.Rows().Len()))
	most = min(most, n)
	ranks := make([]int, most)
	rng := rand.New(rand.NewPCG(x.o.Seed, 3))
	for i := range ranks {
		from, to := i*n/most, (i+1)*n/most
		ranks[i] = from + rng.IntN(to-from)
	}
	slots := live.At(ranks, nil)
	p := newMatrix(len(slots), x.o.Dim)
	rows, space := x.vectors.Rows(), x.o.space()
	w.Spread(len(slots), stretch, func(from, to int) {
		for i := from; i < to; i++ {
			decode(space, p.row(i), rows.Bytes(uint32(slots[i])))
		}
	})
	rows.Keep()
	return tidy(p)
}

// decode reads a row as the metric sees it.
func decode(s index.Space, v []float32, row []byte) {
	s.Datatype.Decode(v, row)
	if s.Metric == index.Cosine && s.Datatype == index.Uint8 {
		normalise(v) // the stored form is not
	}
}

// tidy leaves out vectors whose squares overflow: they are coded, but nothing is
// learned from them.
func tidy(p matrix) matrix {
	kept := 0
	for i := range p.len() {
		var sum float32
		for _, x := range p.row(i) {
			sum += x * x
		}
		if finite(sum) && sum < math.MaxFloat32/4 {
			copy(p.row(kept), p.row(i))
			kept++
		}
	}
	return p.part(0, kept)
}

// rest replaces the vectors by what is left of them without their centroids.
func (m *model) rest(p matrix, w *index.Crew) *drift {
	near, squares := make([]uint32, p.len()), make([]float32, p.len())
	w.Spread(p.len(), stretch, func(from, to int) {
		for i := from; i < to; i++ {
			list, square := m.coarse.nearest(p.row(i))
			near[i], squares[i] = uint32(list), square
			for d, c := range m.coarse.centroids.row(list) {
				p.row(i)[d] -= c
			}
		}
	})
	sizes := make([]float64, m.coarse.lists())
	d := new(drift)
	for i, list := range near {
		sizes[list]++
		d.spread += float64(squares[i]) / float64(p.len())
	}
	for _, n := range sizes {
		d.imbalance += n * n
	}
	d.imbalance *= float64(len(sizes)) / float64(p.len()) / float64(p.len())
	return d
}

// codeAll puts all slots that are in the index into a new generation, list by
// list, those of one list rising.
func (x *Index) codeAll(g *generation, w *index.Crew) error {
	slots := x.members.all(nil)
	near := make([]uint32, len(slots))
	rows := x.vectors.Rows()
	defer rows.Keep()
	w.Spread(len(slots), stretch, func(from, to int) {
		s := x.scratch(g.model)
		defer x.scratches.Put(s)
		for i := from; i < to; i++ {
			s.read(g.model, rows.Bytes(slots[i]))
			list, _ := g.model.coarse.nearest(s.vector)
			near[i] = uint32(list)
		}
	})
	sizes := make([]int, len(g.lists))
	for _, list := range near {
		sizes[list]++
	}
	byList := order(near, sizes)
	starts := make([]int, len(sizes)+1)
	for i, n := range sizes {
		starts[i+1] = starts[i] + n
	}
	faults := make([]error, len(sizes))
	w.Each(len(sizes), func(list int, _ *index.Crew) {
		s := x.scratch(g.model)
		defer x.scratches.Put(s)
		faults[list] = g.lists[list].fill(&g.blocks, sizes[list], func(i int, e *entry) {
			e.slot = slots[byList[starts[list]+i]]
			s.read(g.model, rows.Bytes(e.slot))
			g.model.encode(list, s, e)
		})
	})
	return errors.Join(faults...)
}

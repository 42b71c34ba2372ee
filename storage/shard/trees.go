package shard

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage/schema"
)

// Large tenants have graphs of their own, trees, beside the graph of all points
// (index/hnsw). They follow the payload indexes behind the writers: what a tree
// lacks yet, searches scan; what it has too much, they do not accept.

// trees is how far an index's trees are. Guarded by Shard.build but
// whole and points.
type trees struct {
	seen uint64        // the state that was looked at last, plus one
	at   time.Time     // of that look
	took time.Duration // by that look
	calm time.Time     // when to look again whatever was seen; zero: not
	todo []planting
	// whole is what was wanted when all trees stood: treeing's answer.
	whole atomic.Pointer[string]
	// points is how many there were at the last look.
	points atomic.Int64
}

// follow takes over how far another index's are, of which this one's index is a copy.
func (t *trees) follow(of *trees) {
	t.seen, t.at, t.took, t.calm, t.todo = of.seen, of.at, of.took, of.calm, of.todo
	t.whole.Store(of.whole.Load())
	t.points.Store(of.points.Load())
}

// outgrown says whether there are so many points more that tenants may have
// become large, or their trees may lack much.
func (t *trees) outgrown(points int) bool { return int64(points)*4 > t.points.Load()*5 }

// planting is what a tree is to take in.
type planting struct {
	of    hnsw.Tenant
	slots []uint32
}

const (
	// leastTree is the points below which nobody has a tree.
	leastTree = 256
	// lookPause is how many times as long as it took the next look for tenants
	// waits.
	lookPause = 20
	// goneShare: a tree is mended once one in so many of its points is the
	// tenant's no more.
	goneShare = 5
)

// tenantFields are the complete payload indexes whose values are to have trees.
func (f *fieldState) tenantFields(st *state) (out []string) {
	if f.kind.Type != schema.Graph || f.settings.TreeM() == 0 {
		return nil
	}
	asked := f.settings.PayloadM != nil
	for _, ix := range st.indexes.Schemas() {
		if p, _ := st.indexes.Progress(ix.Field); p.Complete && ix.Trees(asked) {
			out = append(out, ix.Field)
		}
	}
	return out
}

// treeing names the trees that are wanted, "" for none.
func (f *fieldState) treeing(st *state) string {
	fields := f.tenantFields(st)
	if len(fields) == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", f.settings.TreeM(), strings.Join(fields, "\x00"))
}

// treeless says whether trees are wanted that were not looked for yet, or that
// are being built for the first time.
func (f *fieldState) treeless(st *state) bool {
	g := f.graph.Load()
	if g == nil {
		return false
	}
	want, whole := f.treeing(st), g.trees.whole.Load()
	return want != "" && (whole == nil || *whole != want || g.trees.outgrown(f.has.Len()))
}

// tend brings the trees of a graph up to date, a block at a time. build must be
// held.
func (s *Shard) tend(v *View, f *fieldState, g *indexed, quiet bool) (more bool, err error) {
	graph, ok := g.graph.(*hnsw.Graph)
	if !ok {
		return false, nil
	}
	want := f.treeing(v.st)
	if want == "" {
		if len(graph.Tenants()) > 0 {
			graph.FellAll()
			g.changed = true
		}
		g.trees.todo = nil
		g.trees.whole.Store(nil)
		return false, nil
	}
	if len(g.trees.todo) == 0 {
		if !s.lookDue(v, f, g, want) {
			return false, nil
		}
		if err := s.look(v, f, g, quiet); err != nil {
			return false, err
		}
	}
	if err := s.plantNext(v, f, g, graph); err != nil {
		g.trees.todo, g.trees.seen = nil, 0
		s.halt(Planting, f.conf.Name, err)
		return false, err
	}
	if len(g.trees.todo) > 0 {
		return true, s.saveGrown(f.field, g)
	}
	g.trees.whole.Store(&want)
	s.halt(Planting, f.conf.Name, nil)
	return s.lookDue(v, f, g, want), nil // what came while these were planted
}

// lookDue says whether to look for tenants now. Where trees stand, it comes later
// when the last look was a short time ago for what it took.
func (s *Shard) lookDue(v *View, f *fieldState, g *indexed, want string) bool {
	t := &g.trees
	whole := t.whole.Load()
	switch {
	case whole == nil || *whole != want || t.outgrown(f.has.Len()):
		return true
	case t.seen == v.st.number+1 && (t.calm.IsZero() || time.Now().Before(t.calm)):
		return false
	}
	if left := lookPause*t.took - time.Since(t.at); left > 0 {
		s.o.Optimizer.later(s, left)
		return false
	}
	return true
}

// look finds the tenants of a view that are large, has their trees keep what is
// theirs, and notes what they lack.
func (s *Shard) look(v *View, f *fieldState, g *indexed, quiet bool) error {
	graph, began := g.graph.(*hnsw.Graph), time.Now()
	if n := f.has.Len(); g.trees.outgrown(n) {
		g.trees.whole.Store(nil)
		g.trees.points.Store(int64(n))
	}
	if graph.TreeM() != 0 && graph.TreeM() != f.settings.TreeM() {
		graph.FellAll()
		g.changed = true
	}
	points, err := v.tenants(f, graph)
	if err != nil {
		return err
	}
	again := false
	for _, of := range graph.Tenants() {
		if set, ok := points[of]; !ok {
			graph.Fell(of)
			g.changed, g.mended = true, true
		} else if wait, err := s.keep(g, graph.Tree(of), set, quiet); err != nil {
			return err
		} else if wait {
			again = true
		}
	}
	for of, set := range points {
		if err := g.plan(graph, of, set, f.settings.TreeM()); err != nil {
			return err
		}
	}
	g.trees.seen, g.trees.at, g.trees.took = v.st.number+1, time.Now(), time.Since(began)
	g.trees.calm = time.Time{}
	if again {
		calm := s.upkeep().Calm
		g.trees.calm = g.trees.at.Add(calm)
		s.o.Optimizer.later(s, calm+calm/4)
	}
	return nil
}

// tenants are the points of each large tenant, and of those not quite so large
// that have a tree.
func (v *View) tenants(f *fieldState, graph *hnsw.Graph) (map[hnsw.Tenant]*index.Set, error) {
	least := f.leastTree(graph)
	out := map[hnsw.Tenant]*index.Set{}
	for _, name := range f.tenantFields(v.st) {
		_, err := v.Indexes().Facet(name, func(value filter.Value, slots payload.Slots) bool {
			of := hnsw.Tenant{Field: name, Value: value.Str}
			if slots.Len() >= least || slots.Len() >= least/2 && graph.Tree(of) != nil {
				out[of] = slots.Set().And(f.has)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// leastTree is the points from which a tree is worth its memory: a scan of fewer
// is as fast, or full_scan_threshold wants it.
func (f *fieldState) leastTree(graph *hnsw.Graph) int {
	threshold := f.settings.FullScanThreshold << 10 / f.conf.RowBytes()
	return max(min(threshold, graph.Worth(f.settings.EfConstruct)), leastTree)
}

// keep has a tree give up what is not the tenant's, once that is much, or some in
// calm; wait says that it is to be looked at in calm.
func (s *Shard) keep(g *indexed, t *hnsw.Tree, set *index.Set, quiet bool) (wait bool, err error) {
	gone, all := t.Members().AndNot(set).Len(), t.Len()
	some := s.upkeep().untidy(gone, all)
	if gone*goneShare < max(all, leastTree) && !(quiet && some) {
		return some, nil
	}
	_, err = t.Keep(set, s.pace())
	g.changed, g.mended = true, true // the saved file has them yet
	if errors.Is(err, index.ErrStopped) {
		return true, nil
	}
	return false, err
}

// plan notes what a tenant's tree lacks, planting it if there is none.
func (g *indexed) plan(graph *hnsw.Graph, of hnsw.Tenant, set *index.Set, m int) error {
	t := graph.Tree(of)
	if t == nil {
		var err error
		if t, err = graph.Plant(of, set, m); t == nil {
			return err
		}
		g.changed = true
	}
	if slots := set.AndNot(t.Members()).AppendRange(nil, 0, index.Slot(g.high.Load())); len(slots) > 0 {
		g.trees.todo = append(g.trees.todo, planting{of, slots})
	}
	return nil
}

// plantNext has a tree take in its next block.
func (s *Shard) plantNext(v *View, f *fieldState, g *indexed, graph *hnsw.Graph) error {
	todo := g.trees.todo
	if len(todo) == 0 {
		return nil
	}
	next := todo[0].slots[:min(len(todo[0].slots), blockSlots)]
	if err := s.mayBuild(v, f, len(next)); err != nil {
		return err
	}
	j := s.resume(Planting, f.conf.Name)
	t := graph.Tree(todo[0].of)
	var slots []uint32
	for _, slot := range next {
		if f.has.Contains(index.Slot(slot)) && graph.Contains(index.Slot(slot)) {
			slots = append(slots, slot)
		}
	}
	if t != nil {
		err := s.insertInto(v, f, slots, t.Insert)
		t.Join()
		g.changed = true
		if err != nil {
			return err
		}
	}
	if todo[0].slots = todo[0].slots[len(next):]; len(todo[0].slots) == 0 {
		todo = todo[1:]
	}
	g.trees.todo = todo
	left := 0
	for _, p := range todo {
		left += len(p.slots)
	}
	s.progress(j, len(next), left)
	return nil
}

// Tree is the tree of a tenant that every match of a filter belongs to; nil where
// there is none.
func (v *Vectors) Tree(f *filter.Filter) *hnsw.Tree {
	graph, ok := v.Graph.(*hnsw.Graph)
	if !ok || f == nil || graph.TreeM() == 0 {
		return nil
	}
	for i := range f.Must {
		c := &f.Must[i]
		if c.Filter != nil {
			if t := v.Tree(c.Filter); t != nil {
				return t
			}
		}
		if c.Match == nil {
			continue
		}
		if value, ok := single(c.Match); ok {
			if t := graph.Tree(hnsw.Tenant{Field: c.Match.Key.String(), Value: value}); t != nil {
				return t
			}
		}
	}
	return nil
}

// single is the one string that a condition lets through.
func single(m *filter.Match) (string, bool) {
	switch {
	case m.Value != nil && m.Value.Kind == filter.StringValue:
		return m.Value.Str, true
	case m.Any != nil && len(m.Any.Strings) == 1 && len(m.Any.Ints) == 0:
		for s := range m.Any.Strings {
			return s, true
		}
	}
	return "", false
}

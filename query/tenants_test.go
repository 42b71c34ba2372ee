package query

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/replica"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// shop is a collection with tenants of uneven size, two of them huge: one
// anywhere, one a region of the space.
type shop struct {
	*tenantWorld
	rng     *rand.Rand
	hubs    [][]float32
	payload []string
}

func (h *shop) draw(hub int) []float32 {
	v := make([]float32, len(h.hubs[0]))
	for i := range v {
		v[i] = h.hubs[hub][i] + float32(h.rng.NormFloat64())/2
	}
	return v
}

const shopTenant = `{"key":"tenant","match":{"value":%q}}`

func (h *shop) must(text string) *filter.Filter {
	f, err := filter.Parse([]byte(`{"must":[` + text + `]}`))
	if err != nil {
		h.tb.Fatal(err)
	}
	return f
}

// newShop fills n points; whose says the tenant of a point of a hub.
func newShop(t *testing.T, dir string, n, m int) *shop {
	c := schema.Defaults()
	least, links := 1, 12
	c.Optimizers.IndexingThreshold, c.HNSW.FullScanThreshold = &least, 1
	c.HNSW.M, c.HNSW.EfConstruct, c.HNSW.PayloadM = m, 64, &links
	c.Vectors = []schema.Vector{{Size: 128, Metric: index.Manhattan}}
	h := &shop{tenantWorld: openTenantWorld(t, dir, c), rng: rand.New(rand.NewPCG(uint64(n), 9))}
	for range 20 {
		h.hubs = append(h.hubs, make([]float32, 128))
		for j := range 128 {
			h.hubs[len(h.hubs)-1][j] = float32(h.rng.NormFloat64())
		}
	}
	h.apply(op.Op{Kind: op.CreateIndex, Field: "tenant", FieldSchema: []byte(`{"type":"keyword","is_tenant":true}`)})
	h.apply(op.Op{Kind: op.CreateIndex, Field: "even", FieldSchema: []byte(`"bool"`)})
	h.payload = make([]string, n)
	h.fill(n, func(i int) []float32 {
		hub := h.rng.IntN(len(h.hubs))
		h.payload[i] = fmt.Sprintf(`{"tenant":%q,"even":%v}`, h.whose(hub), i%2 == 0)
		return h.draw(hub)
	}, func(i int) string { return h.payload[i] })
	return h
}

func (h *shop) whose(hub int) string {
	switch x := h.rng.Float64(); {
	case hub < regionHubs:
		return "region"
	case x < 0.4:
		return "huge"
	default:
		return fmt.Sprint("t", int(20*x*x))
	}
}

// check compares with exact search at the default breadth.
func (h *shop) check(when string, texts ...string) {
	h.tb.Helper()
	for _, text := range texts {
		f, got, of := h.must(text), 0, 0
		for range 12 {
			q := h.draw(h.rng.IntN(len(h.hubs)))
			n, all := h.found(q, f, h.ask(q, f, nil))
			got, of = got+n, of+all
		}
		if r := float64(got) / float64(of); r < 0.95 {
			h.tb.Errorf("%s: recall %.3f under %s", when, r, text)
		}
	}
}

// walked asks large tenants for what is near to points of theirs, with a breadth
// at which a walk through a tree is the cheapest way.
func (h *shop) walked(when string) {
	h.tb.Helper()
	for _, text := range h.large() {
		f, got, of := h.must(text), 0, 0
		for range 12 {
			q := h.draw(h.rng.IntN(regionHubs))
			a := h.ask(q, f, ef(32))
			n, all := h.found(q, f, a)
			got, of = got+n, of+all
			if a.work.Hops == 0 {
				h.tb.Errorf("%s: %s is scanned", when, text)
				break
			}
		}
		if r := float64(got) / float64(of); r < 0.9 {
			h.tb.Errorf("%s: recall %.3f of a walk under %s", when, r, text)
		}
	}
}

// regionHubs are the hubs whose points are one tenant's.
const regionHubs = 6

// large are the tenants that are worth a walk; halves are these under a further
// filter, which may be scanned.
func (h *shop) large() []string {
	return []string{fmt.Sprintf(shopTenant, "huge"), fmt.Sprintf(shopTenant, "region")}
}

func (h *shop) halves() []string {
	const half = `,{"key":"even","match":{"value":true}}`
	return []string{fmt.Sprintf(shopTenant, "huge") + half, fmt.Sprintf(shopTenant, "region") + half, small}
}

const small = `{"key":"tenant","match":{"value":"t9"}}`

// Searches for a tenant go by the tenant's own graph, with and without a graph of
// all points, and find what exact search finds: while tenants change and points
// die, and after a restart.
func TestTenants(t *testing.T) {
	for _, m := range []int{12, 0} {
		if m > 0 && testing.Short() {
			continue // minutes under the race detector, and m 0 does as much
		}
		t.Run(fmt.Sprint("m ", m), func(t *testing.T) {
			const n = 8000
			dir := t.TempDir()
			h := newShop(t, dir, n, m)
			h.settle()
			h.walked("built")
			h.check("built", h.halves()...)
			st := h.s.Status()
			if st.IndexedVectors != n {
				t.Errorf("%d vectors are indexed, want %d", st.IndexedVectors, n)
			}
			q := h.draw(3)
			if a := h.ask(q, nil, ef(48)); (a.work.Hops == 0) != (m == 0) {
				t.Errorf("without a filter: %+v, with m %d", a.work, m)
			}

			h.churn(n)
			h.settle()
			h.walked("churned")
			h.check("churned", h.halves()...)

			st = h.s.Status()
			h.apply(op.Op{Kind: op.CreateIndex, Field: "tenant", FieldSchema: []byte(`{"type":"keyword","is_tenant":true,"enable_hnsw":false}`)})
			for until := time.Now().Add(10 * time.Second); h.s.Status().ResidentBytes >= st.ResidentBytes && time.Now().Before(until); {
				time.Sleep(5 * time.Millisecond)
			}
			for _, text := range h.large() {
				if a := h.ask(q, h.must(text), ef(48)); m == 0 && a.work.Hops > 0 {
					t.Errorf("enable_hnsw false: %s walks", text)
				}
			}
			if after := h.s.Status().ResidentBytes; after >= st.ResidentBytes {
				t.Errorf("trees counted %d bytes with all, %d are left without", st.ResidentBytes, after)
			}
			h.apply(op.Op{Kind: op.CreateIndex, Field: "tenant", FieldSchema: []byte(`{"type":"keyword","is_tenant":true}`)})
			h.settle()
			h.walked("switched on again")
		})
	}
}

// churn moves points between tenants, replaces others' vectors and deletes some.
func (h *shop) churn(n int) {
	h.tb.Helper()
	for range 6 {
		var moved, gone []point.ID
		var fresh []point.Point
		for range 150 {
			moved = append(moved, point.Number(uint64(h.rng.IntN(n/2))))
			gone = append(gone, point.Number(uint64(n/2+h.rng.IntN(n/2))))
			hub := h.rng.IntN(len(h.hubs))
			fresh = append(fresh, point.Point{
				ID: point.Number(uint64(h.rng.IntN(n))), Vectors: []point.Vector{{Values: h.draw(hub)}},
				Payload: fmt.Appendf(nil, `{"tenant":[%q,%q],"even":true}`, h.whose(hub), h.whose(hub)),
			})
		}
		h.apply(op.Op{Kind: op.Delete, IDs: gone})
		h.apply(op.Op{Kind: op.Upsert, Points: fresh})
		to := [...]string{"huge", "region", "t9"}[h.rng.IntN(3)]
		h.apply(op.Op{Kind: op.SetPayload, IDs: moved, Payload: fmt.Appendf(nil, `{"tenant":%q}`, to)})
		h.check("amid churn", append(h.halves(), h.large()...)...)
	}
}

// A crash takes trees that were not saved, and nothing else; those that were
// saved are there at once.
func TestTenantsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	h := newShop(t, dir, 6000, 0)
	h.settle()
	if err := h.s.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	before := h.s.Status()
	h.churnTail(300)
	h.crash(dir)
	h.check("reopened", append(h.halves(), h.large()...)...)
	h.settle()
	h.walked("reopened")
	if after := h.s.Status(); after.Points < before.Points {
		t.Errorf("%d points, %d before", after.Points, before.Points)
	}
}

// churnTail adds points that no checkpoint has.
func (h *shop) churnTail(n int) {
	for i := range n {
		hub := h.rng.IntN(len(h.hubs))
		h.apply(op.Op{Kind: op.Upsert, Points: []point.Point{{
			ID: point.Number(uint64(10_000 + i)), Vectors: []point.Vector{{Values: h.draw(hub)}},
			Payload: fmt.Appendf(nil, `{"tenant":%q,"even":false}`, h.whose(hub)),
		}}})
	}
}

// crash opens the folder again without what a close would save.
func (h *shop) crash(dir string) {
	h.tb.Helper()
	quiet := slog.New(slog.DiscardHandler)
	h.stop()
	opt := shard.NewOptimizer(shard.OptimizerOptions{Workers: 2, Logger: quiet})
	r, err := replica.Open(dir, replica.Options{Optimizer: opt, Logger: quiet})
	if err != nil {
		h.tb.Fatal(err)
	}
	h.r, h.stop = r, func() {
		opt.Close()
		if err := r.Close(); err != nil {
			h.tb.Errorf("close: %v", err)
		}
	}
	h.s, _ = r.Shard(filterShard)
}

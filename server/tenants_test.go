package server_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Tenants of a collection without a graph of all points (m 0) have graphs of their
// own: they are built behind, shown among the optimizations, find what is nearest
// while points change hands, go where an index says enable_hnsw false, and are
// there after a restart.
func TestTenants(t *testing.T) {
	const dim, n = 64, 3000
	rng := rand.New(rand.NewPCG(3, 9))
	vector := func() string { return vectorOf(rng, dim) }
	dir := t.TempDir()
	r := serve(t, start{dir: dir})
	r.must("PUT", "/collections/p", fmt.Sprintf(`{"vectors":{"size":%d,"distance":"Cosine"},"hnsw_config":{"m":0,"payload_m":12,"ef_construct":40,"full_scan_threshold":10},"optimizers_config":{"indexing_threshold":1}}`, dim))
	index := func(more string) {
		r.must("PUT", "/collections/p/index?wait=true", `{"field_name":"who","field_schema":{"type":"keyword","is_tenant":true`+more+`}}`)
	}
	index("")
	upsert := func(from, to int) {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, `,{"id":%d,"vector":%s,"payload":{"who":"t%d"}}`, i, vector(), i%2)
		}
		r.must("PUT", "/collections/p/points?wait=true", `{"points":[`+b.String()[1:]+`]}`)
	}
	finds := func(when string) {
		t.Helper()
		r.green("p")
		found := 0
		for i := range 20 {
			v, filter := vector(), fmt.Sprintf(`{"must":[{"key":"who","match":{"value":"t%d"}}]}`, i%2)
			near, exact := r.nearestOf("p", v, filter, `{"hnsw_ef":64}`), r.nearestOf("p", v, filter, `{"exact":true}`)
			for id := range near {
				if exact[id] {
					found++
				}
			}
		}
		if found < 185 {
			t.Errorf("%s: %d of 200", when, found)
		}
	}
	upsert(0, n)
	finds("built")
	if _, a, _ := r.send("GET", "/collections/p/optimizations?with=completed", ""); !strings.Contains(string(a.Result), "tenants") {
		t.Errorf("no graph of tenants was built: %s", a.Result)
	}
	r.must("POST", "/collections/p/points/payload?wait=true", `{"payload":{"who":"t1"},"points":[2,4,6,8,10,12,14,16,18,20,22]}`)
	r.must("POST", "/collections/p/points/delete?wait=true", `{"points":[1,3,5,7,9]}`)
	finds("some changed hands")
	upsert(n-100, n+200)
	finds("grown")
	r.stop()
	r = serve(t, start{dir: dir})
	finds("again")
	index(`,"enable_hnsw":false`)
	finds("without")
	index("")
	finds("with them once more")
}

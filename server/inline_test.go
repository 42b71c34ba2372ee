package server_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Codes beside the links, asked for at creation, given up and asked for again:
// searches find what is nearest all along, and the setting is shown.
func TestInlineStorage(t *testing.T) {
	const dim, n = 48, 1500
	rng := rand.New(rand.NewPCG(1, 9))
	vector := func() string { return vectorOf(rng, dim) }
	dir := t.TempDir()
	r := serve(t, start{dir: dir})
	r.must("PUT", "/collections/p", fmt.Sprintf(`{"vectors":{"size":%d,"distance":"Cosine"},"hnsw_config":{"inline_storage":true},"optimizers_config":{"indexing_threshold":1}}`, dim))
	upsert := func(from, to int) {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, `,{"id":%d,"vector":%s}`, i, vector())
		}
		r.must("PUT", "/collections/p/points?wait=true", `{"points":[`+b.String()[1:]+`]}`)
	}
	finds := func(when string) {
		t.Helper()
		r.green("p")
		found := 0
		for range 10 {
			v := vector()
			near, exact := r.nearest("p", v, `{"hnsw_ef":200}`), r.nearest("p", v, `{"exact":true}`)
			for id := range near {
				if exact[id] {
					found++
				}
			}
		}
		if found < 90 {
			t.Errorf("%s: %d of 100", when, found)
		}
	}
	upsert(0, n)
	finds("built")
	r.must("POST", "/collections/p/points/delete?wait=true", `{"points":[1,2,3,4,5,6,7,8,9]}`)
	upsert(n-100, n+200) // some anew, some for the first time
	finds("grown")
	for _, on := range []string{"false", "true"} {
		r.must("PATCH", "/collections/p", `{"hnsw_config":{"inline_storage":`+on+`}}`)
		finds(on)
		if _, a, _ := r.send("GET", "/collections/p", ""); !strings.Contains(string(a.Result), `"inline_storage":`+on) {
			t.Errorf("not shown as %s: %s", on, a.Result)
		}
	}
	r.stop()
	r = serve(t, start{dir: dir})
	finds("again")
}

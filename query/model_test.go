package query_test

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/crashed"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/replica"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

const theShard schema.ShardID = 7

// world drives a replica and a map with the same random operations.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	dir   string
	opt   *shard.Optimizer
	r     *replica.Replica
	c     *schema.Collection
	log   []replica.Entry // everything ever proposed, as raft would keep it
	model map[point.ID]point.Point
}

func modelSchema() *schema.Collection {
	c := schema.Defaults()
	least := 1 // KiB: graphs come early
	c.Optimizers.IndexingThreshold = &least
	c.HNSW.FullScanThreshold = 1
	c.Optimizers.VacuumMinVectorNumber = 100
	c.Vectors = []schema.Vector{
		{Name: "", Size: 8, Metric: index.Cosine},
		{Name: "image", Size: 5, Metric: index.Euclid},
	}
	return &c
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), c: modelSchema(), model: map[point.ID]point.Point{}}
	w.c.Vectors[0].Datatype = []index.Datatype{0, index.Float16, index.Uint8, index.Bfloat16}[seed%4]
	w.c.Vectors[1].Datatype = []index.Datatype{0, index.Uint8, index.Float16, index.Uint8}[seed%4]
	w.opt = shard.NewOptimizer(shard.OptimizerOptions{Workers: 2, Upkeep: upkeep(seed), Logger: quiet()})
	w.open()
	w.apply(op.Op{Kind: op.CreateShard, Shard: theShard, Schema: w.c})
	t.Cleanup(func() {
		w.opt.Close()
		if err := w.r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

// upkeep has two of three histories clear away the little that they leave: slots
// are taken anew, points move down when there is a moment of calm, and there are
// images of vectors, which starts read.
func upkeep(seed uint64) shard.Upkeep {
	if seed%3 == 2 {
		return shard.Upkeep{}
	}
	return shard.Upkeep{Garbage: 20, Calm: time.Millisecond, Tidy: 4, Stretch: 16, Image: 1}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (w *world) open() {
	w.t.Helper()
	r, err := replica.Open(w.dir, replica.Options{Optimizer: w.opt, Logger: quiet()})
	if err != nil {
		w.t.Fatalf("open: %v", err)
	}
	w.r = r
}

func (w *world) apply(ops ...op.Op) []op.Result {
	w.t.Helper()
	e := replica.Entry{Index: uint64(len(w.log) + 1), Data: op.Append(nil, ops)}
	w.log = append(w.log, e)
	return w.r.Apply([]replica.Entry{e})[0]
}

func (w *world) shards() []query.Shard {
	s, ok := w.r.Shard(theShard)
	if !ok {
		w.t.Fatal("the shard is gone")
	}
	return []query.Shard{query.Local(s)}
}

func (w *world) id() point.ID {
	n := w.rng.Uint64N(400)
	if n%5 == 0 {
		return point.FromWords(n*0x9e3779b97f4a7c15, n, true)
	}
	return point.Number(n)
}

func (w *world) vector(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(w.rng.NormFloat64()*20 + 60) // of use as uint8, too
	}
	return v
}

func (w *world) payload() []byte {
	switch w.rng.IntN(6) {
	case 0:
		return nil
	case 1:
		return []byte(`{}`)
	}
	p := map[string]any{"city": []string{"Berlin", "Łódź", "São Paulo", "東京"}[w.rng.IntN(4)]}
	if w.rng.IntN(2) == 0 {
		p["rank"] = w.rng.IntN(30)
	}
	if w.rng.IntN(3) == 0 {
		p["price"] = float64(w.rng.IntN(100)) / 8
	}
	if w.rng.IntN(3) == 0 {
		p["tags"] = []any{"a", w.rng.IntN(3), w.rng.IntN(2) == 0, nil}[:w.rng.IntN(5)]
	}
	if w.rng.IntN(4) == 0 {
		p["nested"] = []any{map[string]any{"k": w.rng.IntN(3), "v": w.rng.IntN(3)}, map[string]any{"k": w.rng.IntN(3)}}
	}
	if w.rng.IntN(4) == 0 {
		p["ok"] = w.rng.IntN(2) == 0
	}
	text, _ := json.Marshal(p)
	return text
}

func (w *world) filter() string {
	conditions := []string{
		fmt.Sprintf(`{"key":"city","match":{"value":"%s"}}`, []string{"Berlin", "東京", "Nowhere"}[w.rng.IntN(3)]),
		`{"key":"city","match":{"any":["Łódź","São Paulo"]}}`,
		`{"key":"city","match":{"except":["Berlin"]}}`,
		fmt.Sprintf(`{"key":"rank","range":{"gte":%d,"lt":%d}}`, w.rng.IntN(20), 10+w.rng.IntN(25)),
		fmt.Sprintf(`{"key":"rank","match":{"value":%d}}`, w.rng.IntN(30)),
		fmt.Sprintf(`{"key":"price","range":{"gt":%d.5}}`, w.rng.IntN(12)),
		`{"key":"ok","match":{"value":true}}`,
		`{"key":"tags[]","match":{"value":"a"}}`,
		`{"key":"tags","match":{"value":1}}`,
		`{"is_empty":{"key":"rank"}}`,
		`{"is_null":{"key":"tags"}}`,
		`{"key":"nested[].k","match":{"value":1}}`,
		`{"nested":{"key":"nested","filter":{"must":[{"key":"k","match":{"value":1}},{"key":"v","match":{"value":2}}]}}}`,
		fmt.Sprintf(`{"has_id":[%s,%s,%s]}`, w.id().AppendJSON(nil), w.id().AppendJSON(nil), w.id().AppendJSON(nil)),
	}
	pick := func() string { return conditions[w.rng.IntN(len(conditions))] }
	switch w.rng.IntN(6) {
	case 0:
		return fmt.Sprintf(`{"must":[%s,%s]}`, pick(), pick())
	case 1:
		return fmt.Sprintf(`{"should":[%s,%s]}`, pick(), pick())
	case 2:
		return fmt.Sprintf(`{"must_not":%s}`, pick())
	case 3:
		return fmt.Sprintf(`{"min_should":{"conditions":[%s,%s,%s],"min_count":2}}`, pick(), pick(), pick())
	case 4:
		return fmt.Sprintf(`{"must":[%s],"must_not":[{"should":[%s,%s]}]}`, pick(), pick(), pick())
	}
	return fmt.Sprintf(`{"must":%s}`, pick())
}

func (w *world) matching(text []byte) []point.ID {
	f, err := filter.Parse(text)
	if err != nil {
		w.t.Fatalf("filter %s: %v", text, err)
	}
	var doc filter.Doc
	var ids []point.ID
	for id, p := range w.model {
		if err := doc.Parse(p.Payload); err != nil {
			w.t.Fatal(err)
		}
		if f.Match(&filter.Point{ID: id, Doc: &doc}) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, point.Compare)
	return ids
}

// step does one random operation on both sides.
func (w *world) step() {
	w.t.Helper()
	o := op.Op{Shard: theShard}
	switch n := w.rng.IntN(24); {
	case n < 9:
		w.upsert(&o)
	case n >= 22:
		w.deleteVectors(&o)
	case n >= 20:
		w.updateVectors(&o)
	case n < 11:
		o.Kind, o.IDs = op.Delete, []point.ID{w.id(), w.id()}
		for _, id := range o.IDs {
			delete(w.model, id)
		}
	case n < 12:
		o.Kind, o.Filter = op.Delete, []byte(w.filter())
		for _, id := range w.matching(o.Filter) {
			delete(w.model, id)
		}
	case n < 18:
		w.edit(&o)
	case n < 19:
		fields := []string{"city", "rank", "price", "ok", "tags", "nested[].k"}
		kinds := []string{`"keyword"`, `"integer"`, `"float"`, `"bool"`, `{"type":"keyword","on_disk":true}`, `{"type":"integer","on_disk":true}`, `{"type":"float","memory":"cold"}`}
		o.Kind, o.Field, o.FieldSchema = op.CreateIndex, fields[w.rng.IntN(6)], []byte(kinds[w.rng.IntN(len(kinds))])
	default:
		o.Kind, o.Field = op.DropIndex, []string{"city", "rank", "price", "tags"}[w.rng.IntN(4)]
	}
	if r := w.apply(o)[0]; r.Err != nil {
		w.t.Fatalf("entry %d (kind %d): %v", len(w.log), o.Kind, r.Err)
	}
}

func (w *world) upsert(o *op.Op) {
	o.Kind = op.Upsert
	for range 1 + w.rng.IntN(20) {
		p := point.Point{ID: w.id(), Payload: w.payload()}
		if old, ok := w.model[p.ID]; ok && w.rng.IntN(4) == 0 {
			p.Vectors = w.rounded(old.Vectors) // the same vectors again
		} else {
			if w.rng.IntN(8) > 0 {
				p.Vectors = append(p.Vectors, point.Vector{Name: "", Values: w.vector(8)})
			}
			if w.rng.IntN(3) > 0 {
				p.Vectors = append(p.Vectors, point.Vector{Name: "image", Values: w.vector(5)})
			}
			p.Vectors = w.withExtra(p.Vectors)
		}
		o.Points = append(o.Points, p)
	}
	if err := w.c.Prepare(o.Points); err != nil {
		w.t.Fatal(err)
	}
	if w.rng.IntN(3) == 0 {
		o.Mode = op.Mode(w.rng.IntN(3))
	}
	admitted := w.condition(o)
	for _, p := range o.Points {
		if !admitted[p.ID] {
			continue
		}
		p.Vectors = w.rounded(p.Vectors)
		w.model[p.ID] = p
	}
}

// rounded is the vectors as their datatypes store them.
func (w *world) rounded(vectors []point.Vector) []point.Vector {
	out := slices.Clone(vectors)
	for i := range out {
		v, _ := w.c.Vector(out[i].Name)
		out[i].Values = asStored(v.Datatype, out[i].Values)
	}
	return out
}

func asStored(d index.Datatype, values []float32) []float32 {
	row, out := make([]byte, d.Bytes()*len(values)), make([]float32, len(values))
	d.Encode(row, values)
	d.Decode(out, row)
	return out
}

// toDisk sends a vector's rows to a file, or back into memory.
func (w *world) toDisk() {
	c := *w.c
	c.Vectors = slices.Clone(c.Vectors)
	v := &c.Vectors[w.rng.IntN(len(c.Vectors))]
	cold := !v.Cold()
	v.OnDisk = &cold
	w.c = &c
	w.apply(op.Op{Kind: op.UpdateShard, Shard: theShard, Schema: w.c})
}

func (w *world) edit(o *op.Op) {
	change := func([]byte) ([]byte, error) { return nil, nil }
	switch w.rng.IntN(4) {
	case 0:
		o.Kind, o.Payload = op.SetPayload, []byte(`{"city":"Oslo","extra":{"deep":[1,2]}}`)
		change = func(old []byte) ([]byte, error) { return filter.Merge(old, o.Payload, "") }
	case 1:
		o.Kind, o.Payload = op.OverwritePayload, []byte(`{"rank":5}`)
		change = func([]byte) ([]byte, error) { return o.Payload, nil }
	case 2:
		o.Kind, o.Keys = op.DeletePayload, []string{"tags", "nested[].k"}
		change = func(old []byte) ([]byte, error) { return filter.DeleteKeys(old, o.Keys) }
	default:
		o.Kind = op.ClearPayload
	}
	if w.rng.IntN(2) == 0 {
		o.Filter = []byte(w.filter())
	}
	var ids []point.ID
	if o.Filter != nil {
		ids = w.matching(o.Filter)
	} else {
		all := slices.SortedFunc(maps.Keys(w.model), point.Compare)
		for range min(2, len(all)) {
			ids = append(ids, all[w.rng.IntN(len(all))])
		}
		o.IDs = slices.Clone(ids)
		slices.SortFunc(ids, point.Compare)
		ids = slices.Compact(ids)
	}
	for _, id := range ids {
		p := w.model[id]
		fresh, err := change(p.Payload)
		if err != nil {
			w.t.Fatal(err)
		}
		p.Payload = fresh
		w.model[id] = p
	}
}

// check compares everything that a reader can see.
func (w *world) check() {
	w.t.Helper()
	ctx := context.Background()
	all := point.Selector{Payload: point.PayloadSelector{Enable: true}, Vector: point.VectorSelector{Enable: true}}
	points, next, err := query.Scroll(ctx, w.shards(), &query.ScrollRequest{Limit: 10_000, Select: all})
	if err != nil || next != nil || len(points) != len(w.model) {
		w.t.Fatalf("scroll: %d points, next %v, %v; want %d", len(points), next, err, len(w.model))
	}
	for _, p := range points {
		want := w.model[p.ID]
		if !samePayload(p.Payload, want.Payload) {
			w.t.Fatalf("point %v: payload %s, want %s", p.ID, p.Payload, want.Payload)
		}
		if len(p.Vectors) != len(want.Vectors) {
			w.t.Fatalf("point %v: %d vectors, want %d", p.ID, len(p.Vectors), len(want.Vectors))
		}
		for _, name := range []string{"", "image", "extra"} {
			if !slices.Equal(p.Vector(name), want.Vector(name)) {
				w.t.Fatalf("point %v: vector %q is %v, want %v", p.ID, name, p.Vector(name), want.Vector(name))
			}
		}
	}
	for range 4 {
		w.checkFilter(ctx, w.filter())
	}
}

func samePayload(a, b []byte) bool {
	var x, y any
	if len(a) == 0 {
		a = []byte("{}")
	}
	if len(b) == 0 {
		b = []byte("{}")
	}
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	ta, _ := json.Marshal(x)
	tb, _ := json.Marshal(y)
	return string(ta) == string(tb)
}

func (w *world) checkFilter(ctx context.Context, text string) {
	w.t.Helper()
	f, err := filter.Parse([]byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	want := w.matching([]byte(text))
	if n, err := query.Count(ctx, w.shards(), &query.CountRequest{Filter: f, Exact: true}); err != nil || n != len(want) {
		w.t.Fatalf("count %s: %d, %v; want %d", text, n, err, len(want))
	}
	var got []point.ID
	var from *point.ID
	for {
		points, next, err := query.Scroll(ctx, w.shards(), &query.ScrollRequest{Filter: f, From: from, Limit: 7})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, p := range points {
			got = append(got, p.ID)
		}
		if from = next; from == nil {
			break
		}
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("scroll %s: %v, want %v", text, got, want)
	}
	for _, exact := range []bool{true, false} {
		w.checkQuery(ctx, f, text, want, exact)
	}
}

func (w *world) checkQuery(ctx context.Context, f *filter.Filter, text string, matching []point.ID, exact bool) {
	w.t.Helper()
	image, _ := w.c.Vector("image")
	q := w.vector(5)
	got, err := query.Run(ctx, w.shards(), w.c, &query.Request{Vector: q, Using: "image", Filter: f, Limit: 10, Exact: exact, Ef: 400})
	if err != nil {
		w.t.Fatal(err)
	}
	q = asStored(image.Datatype, q)
	type scored struct {
		id    point.ID
		score float64
	}
	var want []scored
	for _, id := range matching {
		p := w.model[id]
		if v := p.Vector("image"); v != nil {
			var sum float64
			for i := range v {
				sum += float64(v[i]-q[i]) * float64(v[i]-q[i])
			}
			want = append(want, scored{id, sum})
		}
	}
	slices.SortFunc(want, func(a, b scored) int { return cmp.Or(cmp.Compare(a.score, b.score), point.Compare(a.id, b.id)) })
	want = want[:min(10, len(want))]
	if len(got) != len(want) {
		w.t.Fatalf("query %s exact=%v: %d hits, want %d", text, exact, len(got), len(want))
	}
	for i := range got {
		// With ef as wide as the collection the graph must find the same, too.
		// Of equally near ones at the end, any will do.
		if got[i].ID != want[i].id && got[i].Score != float32(math.Sqrt(want[i].score)) {
			w.t.Fatalf("query %s exact=%v: hit %d is %v at %v, want %v", text, exact, i, got[i].ID, got[i].Score, want[i])
		}
	}
}

// crash opens a copy of the files as they lie, as a kill would leave them, and
// replays the log.
func (w *world) crash() {
	w.t.Helper()
	dir := crashed.Copy(w.t, w.dir)
	if err := w.r.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.dir = dir
	w.open()
	w.r.Apply(w.log)
}

func (w *world) restart() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.r.Checkpoint(ctx); err != nil {
		w.t.Fatal(err)
	}
	if err := w.r.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
	w.r.Apply(w.log)
}

// A bug that one shard's search meets is the request's to answer for.
func TestPanicReachesTheCaller(t *testing.T) {
	for _, n := range []int{1, 3} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d shards that are none were searched", n)
				}
			}()
			_, err := query.Run(t.Context(), make([]query.Shard, n), modelSchema(), &query.Request{Vector: make([]float32, 8), Limit: 1})
			t.Errorf("%d shards that are none: %v", n, err)
		}()
	}
}

var seeds = flag.Int("seeds", 8, "random histories to play")

func TestReplicaAgreesWithModel(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for i := range 250 {
				w.step()
				if i%10 == 9 {
					w.check()
				}
				switch w.rng.IntN(40) {
				case 0:
					w.crash()
				case 1:
					w.restart()
				case 2:
					w.settle()
				case 3, 4:
					w.toDisk()
				case 5, 6:
					w.alterVectors()
				}
			}
			w.settle()
			w.check()
			s, _ := w.r.Shard(theShard)
			st := s.Status()
			for i := 0; i < 1000 && st.Tail != 0; i++ { // points may move down in the calm
				time.Sleep(10 * time.Millisecond)
				st = s.Status()
			}
			if st.Tail != 0 || st.IndexedVectors == 0 {
				t.Errorf("%d of %d vectors are in a graph", st.IndexedVectors, st.Vectors)
			}
			w.checkPlaces(st.IndexedVectors == st.Vectors)
		})
	}
}

// checkPlaces: the rows end where the schema wants them, and nothing else is
// left. A vector too small for a graph may have none mapped.
func (w *world) checkPlaces(all bool) {
	w.t.Helper()
	var want, files int
	for i := range w.c.Vectors {
		if w.c.Vectors[i].Cold() {
			want++
		}
	}
	for range 500 {
		list, err := filepath.Glob(filepath.Join(w.dir, "index", "*", "*.rows"))
		if files = len(list); err == nil && (files == want || !all && files < want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("%d files of rows for %d vectors on disk", files, want)
}

// settle waits until the background work is done.
func (w *world) settle() {
	w.t.Helper()
	for range 1000 {
		s, _ := w.r.Shard(theShard)
		st := s.Status()
		if st.OptimizerError != "" {
			w.t.Fatal(st.OptimizerError)
		}
		if st.Green {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatal("the shard does not become green")
}

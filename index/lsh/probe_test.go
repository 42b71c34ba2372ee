package lsh

import (
	"math/rand/v2"
	"testing"

	"github.com/kithdb/kith/index"
)

// The probes of a query begin with its own buckets, never become likelier, and
// reach every bucket of every table once.
func TestProbesReachEveryBucketOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ dim, bits, tables int }{{1, 4, 2}, {3, 1, 3}, {20, 5, 2}, {20, 9, 3}, {100, 12, 2}} {
		o := Options{Dim: c.dim, Metric: index.Euclid, Tables: c.tables, Seed: 5}
		f := frame{mean: make([]float32, c.dim), radius: 1, bits: min(c.bits, maxDigits*mostBits(c.dim))}
		h := newHasher(&o, f)
		w := h.hashing()
		for d := range w.vector {
			w.vector[d] = float32(rng.NormFloat64())
		}
		w.place(w.vector)
		var p probes
		p.begin(h, w.turned)
		seen := make([]bool, c.tables<<f.bits)
		last := float32(-1)
		for i := range seen {
			if p.queue[0].loss < last {
				t.Fatalf("%+v: probe %d has loss %g after %g", c, i, p.queue[0].loss, last)
			}
			last = p.queue[0].loss
			bucket, more := p.next()
			if !more || seen[bucket] {
				t.Fatalf("%+v: probe %d is bucket %d, again: %v", c, i, bucket, seen[bucket])
			}
			seen[bucket] = true
			if table := i; i < c.tables && !seen[uint32(bucket)>>f.bits<<f.bits|w.bucket(int(bucket>>f.bits))] {
				t.Fatalf("%+v: probe %d is not the vector's own bucket", c, table)
			}
		}
		if _, more := p.next(); more {
			t.Errorf("%+v: more probes than buckets", c)
		}
	}
}

// A rotation keeps lengths, and near vectors share buckets more often than far
// ones.
func TestNearVectorsShareBuckets(t *testing.T) {
	const dim, tables = 60, 64
	rng := rand.New(rand.NewPCG(3, 4))
	o := Options{Dim: dim, Metric: index.Cosine, Tables: tables, Seed: 9}
	h := newHasher(&o, frame{mean: make([]float32, dim), radius: 1, bits: 6})
	a, b := h.hashing(), h.hashing()
	shared := func(apart float32) (n int) {
		for range 50 {
			for d := range a.vector {
				a.vector[d] = float32(rng.NormFloat64())
				b.vector[d] = a.vector[d] + apart*float32(rng.NormFloat64())
			}
			a.place(a.vector)
			b.place(b.vector)
			for t := range tables {
				if a.bucket(t) == b.bucket(t) {
					n++
				}
			}
		}
		return n
	}
	near, far, strange := shared(0.2), shared(0.8), shared(100)
	if near < 2*far || far < 2*strange {
		t.Errorf("of %d buckets are shared: near %d, farther %d, strange %d", 50*tables, near, far, strange)
	}
	before, after := 0.0, 0.0
	for _, x := range a.base {
		before += float64(x) * float64(x)
	}
	for _, x := range a.turned[:h.size] {
		after += float64(x) * float64(x)
	}
	if after < before*0.999 || after > before*1.001 {
		t.Errorf("a rotation makes %g of %g", after, before)
	}
}

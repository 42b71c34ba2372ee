package quant

import (
	"math"
	"math/rand/v2"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// rounds is how often points are moved to the middle of what they stand for: more
// of them hardly change what a search finds.
const rounds = 10

// Book is points that stand for a run of dimensions of vectors, side by side
// dimension by dimension: Columns has Points values for each. A Book is a view; it
// never changes once it is trained.
type Book struct {
	Points  int
	Columns []float32
}

// Dims is the dimensions of the run.
func (b Book) Dims() int { return len(b.Columns) / b.Points }

// Measure sets out, Points long, to the distances between v and the points.
func (b Book) Measure(m index.Metric, v, out []float32) {
	out = out[:b.Points]
	clear(out)
	for d, x := range v {
		simd.AddColumn(m, out, b.Columns[d*b.Points:], x)
	}
}

// Nearest is the point nearest to v, the first of equals; out is memory for
// Points values.
func (b Book) Nearest(m index.Metric, v, out []float32) int {
	b.Measure(m, v, out)
	return least(out[:b.Points])
}

// least is where the smallest value is.
func least(v []float32) (at int) {
	best := float32(math.Inf(1))
	for i, x := range v {
		if x < best {
			best, at = x, i
		}
	}
	return at
}

func (b Book) set(point int, v []float32) {
	for d, x := range v {
		b.Columns[d*b.Points+point] = x
	}
}

// Train places the points among samples, which are runs of Dims values one after
// the other, at least one, by k-means (Lloyd) under Euclid or Manhattan. The same
// samples and seeds give the same points. It is one worker's work, w's first.
func (b Book) Train(m index.Metric, samples []float32, seed, stream uint64, w *index.Crew) {
	k := &kmeans{
		crew: w,
		Book: b, metric: m, samples: samples, random: rand.New(rand.NewPCG(seed, stream)), out: make([]float32, b.Points),
		nearest: make([]int, len(samples)/b.Dims()),
	}
	k.spread()
	for range rounds {
		if !k.move() {
			return
		}
	}
}

// asksAfter is after how many samples k-means asks whether it is to go on.
const asksAfter = 1 << 10

// kmeans places the points of one book.
type kmeans struct {
	crew *index.Crew
	Book
	metric  index.Metric
	samples []float32
	nearest []int // by sample: its point in the last round, and 1; 0 at first
	out     []float32
	random  *rand.Rand
}

func (k *kmeans) sample(i int) []float32 {
	dims := k.Dims()
	return k.samples[i*dims : (i+1)*dims]
}

// any is some sample.
func (k *kmeans) any() []float32 { return k.sample(k.random.IntN(len(k.nearest))) }

// spread begins with samples far from each other: each next one is drawn with
// the square of its distance to the nearest point so far as its weight (Arthur
// and Vassilvitskii, k-means++, SODA 2007).
func (k *kmeans) spread() {
	away := make([]float32, len(k.nearest))
	for i := range away {
		away[i] = math.MaxFloat32
	}
	next := k.any()
	for i := range k.Points {
		if !k.crew.Goes() {
			return
		}
		k.set(i, next)
		total := 0.
		for j := range away {
			away[j] = min(away[j], square(k.sample(j), next))
			total += float64(away[j])
		}
		next = k.draw(away, total)
	}
}

// draw is a sample with a chance that grows with its weight; any where all weigh
// nothing, being points already.
func (k *kmeans) draw(weights []float32, total float64) []float32 {
	left := k.random.Float64() * total
	if !(total > 0) {
		return k.any()
	}
	at := 0
	for ; at < len(weights)-1 && left >= float64(weights[at]); at++ {
		left -= float64(weights[at])
	}
	return k.sample(at)
}

// square is the squared distance of two short vectors, for which a kernel's call
// would cost more than its work.
func square(a, b []float32) (sum float32) {
	b = b[:len(a)]
	for i, x := range a {
		x -= b[i]
		sum += x * x
	}
	return sum
}

// move has every sample choose its nearest point, and puts the points into the
// middle of those that chose them. It answers whether any chose anew.
func (k *kmeans) move() (moved bool) {
	dims := k.Dims()
	sums, counts := make([]float32, k.Points*dims), make([]int, k.Points)
	for i := range k.nearest {
		if i%asksAfter == 0 && !k.crew.Goes() {
			return false
		}
		v := k.sample(i)
		at := k.Nearest(k.metric, v, k.out)
		moved = moved || at+1 != k.nearest[i]
		k.nearest[i] = at + 1
		counts[at]++
		for d, x := range v {
			sums[at*dims+d] += x
		}
	}
	for i, n := range counts {
		if n == 0 { // nobody's: it may be of more use elsewhere
			k.set(i, k.any())
			moved = true
			continue
		}
		middle := sums[i*dims : (i+1)*dims]
		for d := range middle {
			middle[d] /= float32(n)
		}
		k.set(i, middle)
	}
	return moved
}

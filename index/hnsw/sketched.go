package hnsw

import (
	"math"
	"math/bits"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

const (
	// glanced is about how many matches from everywhere a pass by sketches looks at
	// first, to learn how near the nearest are and how far sketches are off.
	glanced = 1024
	// fewGlanced of them are needed for that.
	fewGlanced = gauged / 2
	// mostLeft: where more than this share of the matches would be left, their
	// sketches are not worth reading.
	mostLeft = 0.5
	// leaning is how much more the sketches of the nearest say too much than those
	// of the nearest of the first that are looked at.
	leaning = 4
	// sketchDoubt is doubt, of sketches; nextDoubt of what both their rows say, and
	// restDoubt of what codes say beside them.
	sketchDoubt, nextDoubt, restDoubt = 3.4, 3.6, 3
	// fewest of the nearest are needed to see whether others like them were let
	// through: sketches must not say too much by less than so many deviations of
	// theirs. Where they do, that is allowed and somewhat more, so often at most.
	fewest, spread, further, mostAgain = 10, 2, 1.5, 2
	// wordBlock is how many words of matches are compared with the same limit.
	wordBlock = 32
	// wordStretch is how many are looked through before codes are.
	wordStretch = 1 << 10
)

// distant finds the nearest accepted nodes of a query that has none around it, or
// next to none: those are in w.results, as a walk found them. It compares the
// sketches of all matches, the codes of what these leave, and the vectors of what
// those leave; without sketches it is a scan.
//
// The nearest of such matches are as good as equally far and lie all over the
// space: no walk finds them without meeting most. A sketch says about what a code
// would, and is read in a fortieth of the time. Of matches near the query it says
// nothing, but these the walk has met.
func (w *walker) distant(q *index.Query) {
	if w.guide == nil || q.Rescore != 0 || !w.bySketch(q) {
		w.scan(q)
	}
}

// bySketch is distant where there are sketches; false where they are of no use.
func (w *walker) bySketch(q *index.Query) bool {
	rows, next, slots := w.guide.sketch.blocks()
	slots = min(slots, w.codeRows.Len())
	if slots == 0 || !w.terms.rates.sketches(float64(q.Accept.Len())) {
		return false
	}
	w.guide.sketch.code.Ask(q.Vector, &w.rough)
	w.resting = w.guide.sketch.code.AskRest(w.guide.code, &w.rough)
	w.nextRows = next
	w.begin()
	w.top.Reset(max(q.K, fewest))
	w.off = quant.Lack{}
	w.met(slots)
	w.words = q.Accept.AppendWords(w.words[:0], 0, index.Slot(slots))
	if !w.glance(rows, q.Accept.Len()) {
		return false
	}
	for again := 0; ; again++ {
		w.lookThrough(q, rows)
		more := w.lacks(q, rows)
		if more <= w.slack || q.Ended() {
			break
		}
		w.slack, w.slackNext = further*more, further*w.slackNext
		if again == mostAgain {
			w.slack, w.slackNext = float32(math.Inf(1)), float32(math.Inf(1)) // the codes of all
		}
		w.words = q.Accept.AppendWords(w.words[:0], 0, index.Slot(slots))
	}
	rows.Keep()
	next.Keep()
	if w.resting {
		w.off = quant.Lack{} // the codes of others are off by more
	}
	w.scanFrom(index.Slot(slots), q)
	return true
}

// met measures the nearest below a slot that a walk has met by their vectors: w.top,
// w.nearby.
func (w *walker) met(slots int) {
	w.fresh = w.fresh[:0]
	for _, h := range w.results[:min(len(w.results), gauged)] {
		if s := uint32(h.Slot); int(s) < slots && w.marks.add(s) {
			w.fresh = append(w.fresh, s)
		}
	}
	w.nearby = append(w.nearby[:0], w.fresh...)
	w.offerAll()
}

// lookThrough compares what is left of w.words by sketches.
func (w *walker) lookThrough(q *index.Query, rows arena.Rows) {
	var t tally
	for at := 0; at < len(w.words) && !q.Ended(); at += wordStretch {
		w.leave(rows, at, min(at+wordStretch, len(w.words)))
		w.bySecond()
		if w.resting {
			w.decide()
		} else {
			w.compare(&t)
		}
	}
}

// leave sets w.slots to those of some of w.words' bits whose sketches are not beyond
// what is allowed, and w.estimates to their distances by sketch.
func (w *walker) leave(rows arena.Rows, from, to int) {
	w.slots, w.estimates = w.slots[:0], w.estimates[:0]
	limit := w.top.Worst() + w.slack - w.rough.Add
	for at := from; at < to; at += wordBlock {
		words := w.words[at:min(at+wordBlock, to)]
		w.rough.Within(sketchAt(rows, at*64/simd.SketchRows), limit, words, w.said[:])
		w.left(at, words)
	}
}

// bySecond keeps of w.slots what second rows say is not beyond what is allowed.
func (w *walker) bySecond() {
	n := 0
	limit := w.top.Worst() + w.slackNext
	for at := 0; at < len(w.slots); at += chunk {
		end := min(at+chunk, len(w.slots))
		w.fresh = append(w.fresh[:0], w.slots[at:end]...)
		w.second(w.estimates[at:end])
		for i, d := range w.dist {
			if !(d > limit) && w.marks.add(w.slots[at+i]) {
				w.slots[n], w.estimates[n] = w.slots[at+i], w.estimates[at+i]
				n++
			}
		}
	}
	w.slots, w.estimates = w.slots[:n], w.estimates[:n]
}

// second puts the distances of w.fresh by both rows of their sketches into w.dist.
func (w *walker) second(sketched []float32) {
	w.room()
	copy(w.dist, sketched)
	w.rough.Next(w.nextRows.Base(), w.nextRows.Stride(), w.fresh, w.dist)
}

// decide measures those of w.slots that may be among the nearest: w.estimates are
// their distances by sketch.
func (w *walker) decide() {
	for slots, near := w.slots, w.estimates; len(slots) > 0; {
		n := min(len(slots), chunk)
		w.fresh = append(w.fresh[:0], slots[:n]...)
		w.refine(near[:n])
		w.nearer(restDoubt)
		w.offerAll()
		slots, near = slots[n:], near[n:]
	}
}

// refine puts the distances of w.fresh by their codes into w.dist: where these can
// tell what lies across the axes, that beside what their sketches say.
func (w *walker) refine(sketched []float32) {
	if !w.resting {
		w.distances()
		return
	}
	n := w.room()
	copy(w.dist, sketched)
	w.rough.Rest(w.codeRows.Base(), w.codeRows.Stride(), w.fresh, w.dist)
	w.work.Distances += n
}

// lacks is how far sketches must be allowed to say too much, given how far those of
// the nearest that were found do: where these are hardly let through there are
// others that were not.
func (w *walker) lacks(q *index.Query, rows arena.Rows) float32 {
	var e quant.Lack
	var out [simd.SketchRows]float32
	w.results = w.top.Append(w.results[:0])
	w.top.Reset(max(q.K, fewest))
	for _, h := range w.results {
		if w.top.Offer(h.Slot, h.Dist); slices.Contains(w.nearby, uint32(h.Slot)) {
			continue // no sketch let it through
		}
		w.rough.Estimates(sketchAt(rows, int(h.Slot)/simd.SketchRows), &out)
		if d := out[h.Slot%simd.SketchRows] + w.rough.Add; !math.IsInf(float64(d), 0) {
			e.Add(float64(h.Dist - d))
		}
	}
	if !e.Known() {
		return 0
	}
	return float32(e.Most(spread))
}

// left appends those of words' bits that were not measured yet to w.slots, and their
// distances by sketch to w.estimates. Whether they are in the graph is asked of those
// only that turn out to be near.
func (w *walker) left(at int, words []uint64) {
	for k, word := range words {
		for ; word != 0; word &= word - 1 {
			i := k*64 + bits.TrailingZeros64(word)
			if s := uint32(at*64 + i); !w.marks.has(s) {
				w.slots = append(w.slots, s)
				w.estimates = append(w.estimates, w.said[i]+w.rough.Add)
			}
		}
	}
}

// glance looks at some of the matches in w.words, of so many, and measures the
// nearest of them by all: w.top, w.off and w.slack. False: sketches would leave too
// many.
func (w *walker) glance(rows arena.Rows, matches int) bool {
	w.near.Reset(gauged)
	w.rate = w.rate[:0]
	var out [simd.SketchRows]float32
	for i := 0; i < len(w.words)*64/simd.SketchRows; i += max(matches/glanced, 1) {
		set := w.words[i*simd.SketchRows/64] >> (i * simd.SketchRows % 64) & (1<<simd.SketchRows - 1)
		if set == 0 {
			continue
		}
		w.rough.Estimates(sketchAt(rows, i), &out)
		for ; set != 0; set &= set - 1 {
			lane := bits.TrailingZeros64(set)
			w.rate = append(w.rate, out[lane])
			w.near.Offer(index.Slot(i*simd.SketchRows+lane), out[lane])
		}
	}
	if !w.sound() {
		return false
	}
	limit, left := w.top.Worst()+w.slack-w.rough.Add, 0
	for _, d := range w.rate {
		if d <= limit {
			left++
		}
	}
	return float64(left) <= mostLeft*float64(len(w.rate))
}

// sound measures w.near by codes and vectors; false: they are too few.
func (w *walker) sound() bool {
	w.fresh = w.fresh[:0]
	w.estimates = w.estimates[:0]
	for _, h := range w.near.Hits() {
		if s := uint32(h.Slot); w.g.levels(s) > 0 && w.marks.add(s) {
			w.fresh = append(w.fresh, s)
			w.estimates = append(w.estimates, h.Dist+w.rough.Add)
		}
	}
	if len(w.fresh) < fewGlanced {
		return false
	}
	w.second(w.estimates)
	w.seconds = append(w.seconds[:0], w.dist...)
	w.refine(w.estimates)
	w.codes = append(w.codes[:0], w.dist...)
	w.offerAll()
	for i, d := range w.dist {
		if !math.IsInf(float64(w.codes[i]), 0) {
			w.off.Add(float64(d - w.codes[i]))
		}
	}
	w.slack = w.allow(w.estimates, sketchDoubt)
	w.slackNext = w.allow(w.seconds, nextDoubt)
	return true
}

// allow is how far a sketch may say too much, given how far those estimates were off
// whose distances are w.dist.
//
// Vectors that are near the query go where it goes also across the axes, and their
// sketches say too much by more than others': how much is seen on the nearest of
// those measured. Of a query that has no match near it they say neither too much
// nor too little.
func (w *walker) allow(estimates []float32, deviations float64) float32 {
	square, close, n := 0.0, 0.0, 0
	worst := w.top.Worst()
	for i, d := range w.dist {
		e := float64(estimates[i] - d)
		if math.IsInf(e, 0) {
			continue // told apart by no sketch
		}
		square += e * e
		if d <= worst {
			close += e
			n++
		}
	}
	wide := math.Sqrt(square / float64(len(w.dist)))
	lean := close/float64(max(n, 1)) - wide/math.Sqrt(float64(max(n, 1))) // as far as it is no chance
	return float32(deviations*wide + leaning*max(lean, 0))
}

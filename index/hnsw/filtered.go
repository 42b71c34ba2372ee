package hnsw

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
)

// ending is how a walk towards accepted nodes ended.
type ending uint8

const (
	arrived ending = iota + 1 // there is nothing nearer that it could reach
	sparse                    // few of the nodes around the query are accepted
	away                      // next to none are: the matches lie elsewhere
	spent                     // it has cost what a scan of the matches costs
)

// filtering is a filtered search's terms. The zero value has none: a walk then
// goes on until it has arrived.
type filtering struct {
	rates  rates
	share  float64 // of the nodes that are accepted
	pass   float64 // what a pass over them takes
	budget float64 // what the walks may take
	probe  int     // hops after which the share around the query is looked at; 0: never
	met    int     // nodes that were accepted among those expanded until then
}

const (
	// probeHops is how many nodes around a query are looked at at least, and
	// probeMost at most, to see what share of them is accepted. Between them it is
	// as many as have expected accepted ones among them.
	probeHops, probeMost, expected = 32, 160, 8
	// widened is the least breadth of a walk through a region without matches.
	widened = 500
	// glimpse is how many nodes around a query are enough at least to see that none is
	// accepted: so many that glimpsed should be.
	glimpse, glimpsed = 12, 4.8
	// grace is how many times what it is expected to take, or a pass, a walk may
	// take, and no more than a pass over codes alone.
	grace = 2
	// farLess is by how much it must be cheaper than a scan.
	farLess = 8
	// dense is the share from which it is cheaper to walk through nodes that are
	// not accepted than to look behind them.
	dense = 0.4
	// elsewhere: where less than this part of the expected share is accepted, the
	// matches lie elsewhere.
	elsewhere = 0.25
)

// among finds the nearest accepted nodes: w.results, by codes. There are four
// ways, and each search takes what its matches allow. A walk through all nodes
// that keeps the accepted; a walk over accepted nodes alone, which looks behind
// the others (twohop.go); the codes of all matches in one pass (scan.go), which is
// cheapest where they are few; and sketches of them all (sketched.go), the way out
// where a walk has no direction: the nearest matches of a query that has none
// around it lie on a sphere, where a walk finds some and never all.
func (w *walker) among(entry uint64, ef int, q *index.Query) {
	g, f := w.g, &w.terms
	n := float64(max(w.nodes, 1))
	matches := min(float64(q.Accept.Len()), n)
	*f = filtering{rates: g.rates(w.guide), share: matches / n}
	walk := f.rates.walk(ef, g.o.M, f.share)
	if matches*f.rates.pass <= walk {
		w.scan(q)
		return
	}
	f.pass = f.rates.scan(matches)
	f.budget = min(matches*f.rates.pass, grace*max(f.pass, walk))
	f.probe = min(max(int(expected/f.share), probeHops), probeMost)
	end := w.filtered(w.descend(entry, 0), 0, ef, q)
	switch {
	case end == sparse:
		end = w.twoHop(ef, q)
	case end == away:
		end = w.through(entry, n-matches, ef, q)
	}
	if end != arrived || !w.settle(q, ef) {
		w.distant(q)
	}
}

// through walks on through all that is not accepted, where that is so little
// that it costs far less than a scan, which finds more.
func (w *walker) through(entry uint64, others float64, ef int, q *index.Query) ending {
	ef = max(ef, widened)
	if farLess*(others+float64(ef))*w.terms.rates.hop > w.terms.pass {
		return away
	}
	w.terms.probe = 0
	return w.filtered(w.descend(entry, 0), 0, ef, q)
}

// settle measures the best of w.results by their vectors: at least as many as a
// search without a filter, and further ones while their codes say that they may
// be among the K nearest: matches that are far from the query are as good as
// equally far, and the codes' order of them says little. False is that a walk of
// this breadth may have left out some of these.
func (w *walker) settle(q *index.Query, ef int) bool {
	rest := w.results[min(rescored(q), len(w.results)):]
	if w.guide == nil || q.Rescore != 0 || len(rest) == 0 {
		w.results = w.exact(w.results, rescored(q))
		return true
	}
	w.top.Reset(q.K)
	w.off = quant.Lack{}
	w.codes = w.codes[:0]
	w.fresh = w.fresh[:0]
	for _, h := range w.results[:len(w.results)-len(rest)] {
		w.codes = append(w.codes, h.Dist)
		w.fresh = append(w.fresh, uint32(h.Slot))
	}
	w.offerAll()
	for i, d := range w.dist {
		w.off.Add(float64(d - w.codes[i]))
	}
	bar := w.bar()
	w.fresh = w.fresh[:0]
	for _, h := range rest {
		if h.Dist <= bar {
			w.fresh = append(w.fresh, uint32(h.Slot))
		}
	}
	whole := len(w.fresh) == len(rest)
	w.offerAll()
	w.results = w.top.Append(w.results[:0])
	return !whole || w.terms.probe > 0
}

// filtered walks a level towards accepted nodes and keeps the ef nearest of
// them: w.results. Unlike walk it has a queue of its own, since nodes that are
// not accepted must be expanded, too.
func (w *walker) filtered(from index.Hit, level, ef int, q *index.Query) ending {
	w.begin()
	w.queue, w.results = w.queue[:0], w.results[:0]
	w.marks.add(uint32(from.Slot))
	w.offer(from, ef, q)
	w.push(from)
	for hops := 0; len(w.queue) > 0; hops++ {
		at := w.pop()
		if len(w.results) == ef && at.Dist > w.results[ef-1].Dist || w.ended() {
			return arrived
		}
		if end := w.goesOn(hops, ef); end != 0 {
			return end
		}
		if w.terms.probe > hops && q.Accept.Contains(at.Slot) {
			w.terms.met++
		}
		w.expand(uint32(at.Slot), level)
		for i, s := range w.fresh {
			if len(w.results) < ef || w.dist[i] < w.results[ef-1].Dist {
				h := index.Hit{Slot: index.Slot(s), Dist: w.dist[i]}
				w.push(h)
				w.offer(h, ef, q)
			}
		}
	}
	return arrived
}

// goesOn is 0 while a walk through all nodes is the way to go.
func (w *walker) goesOn(hops, ef int) ending {
	f := &w.terms
	switch {
	case f.budget > 0 && w.spent() > f.budget:
		return spent
	case f.probe > 0 && f.met == 0 && hops == max(int(glimpsed/f.share), glimpse):
		return away
	case f.probe == 0 || hops != f.probe:
		return 0
	}
	here := float64(f.met) / float64(hops)
	switch {
	case here < elsewhere*f.share:
		return away
	case here < dense:
		return sparse
	}
	return 0
}

// offer keeps an accepted hit among the ef nearest.
func (w *walker) offer(h index.Hit, ef int, q *index.Query) {
	if len(w.results) == ef && h.Dist >= w.results[ef-1].Dist {
		return
	}
	if q.Accept != nil && !q.Accept.Contains(h.Slot) || q.Check != nil && !q.Check(h.Slot) {
		return
	}
	if len(w.results) < ef {
		w.results = append(w.results, h)
	}
	low, high := 0, len(w.results)-1
	for low < high {
		if mid := (low + high) / 2; w.results[mid].Dist <= h.Dist {
			low = mid + 1
		} else {
			high = mid
		}
	}
	copy(w.results[low+1:], w.results[low:])
	w.results[low] = h
}

func (w *walker) push(h index.Hit) {
	w.queue = append(w.queue, h)
	i := len(w.queue) - 1
	for i > 0 && h.Dist < w.queue[(i-1)/2].Dist {
		w.queue[i] = w.queue[(i-1)/2]
		i = (i - 1) / 2
	}
	w.queue[i] = h
}

func (w *walker) pop() index.Hit {
	top := w.queue[0]
	n := len(w.queue) - 1
	h := w.queue[n]
	w.queue = w.queue[:n]
	if n == 0 {
		return top
	}
	i := 0
	for c := 1; c < n; c = 2*i + 1 {
		if c+1 < n && w.queue[c+1].Dist < w.queue[c].Dist {
			c++
		}
		if h.Dist <= w.queue[c].Dist {
			break
		}
		w.queue[i] = w.queue[c]
		i = c
	}
	w.queue[i] = h
	return top
}

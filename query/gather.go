package query

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/shard"
)

const (
	// defaultEf serves until a shard has measured its own.
	defaultEf = 384
	// verifyAll: up to so many candidates, a filter that no index decides is
	// simply evaluated on all of them.
	verifyAll = 2000
	// sampleSize and rareShare: a sample tells how rare matches are; where fewer
	// than this share match, all candidates are evaluated and the matches
	// scanned, since a walk would wander.
	sampleSize = 400
	rareShare  = 0.05
	// mostShare is what a sample of matches alone stands for: the next slot may
	// not match.
	mostShare = 0.99
	// scanShare: reading a point in passing costs about a twentieth of a lookup.
	scanShare = 20
	// scanBlock is how many slots are scanned between two looks at the context.
	scanBlock = 1 << 18
)

// gathered is one shard's answer; found points into view.
type gathered struct {
	view  *shard.View
	found []candidate
	work  index.Work
	err   error
}

// search is one query's way through one shard.
type search struct {
	ctx  context.Context
	r    *Request
	view *shard.View
	vec  shard.Vectors
	hits []index.Hit
	work index.Work
	fail error // of a payload that a check could not read
}

// gather finds the best Offset+Limit points of one shard. The view is handed
// over also when there is an error, or a panic.
func gather(ctx context.Context, s *shard.Shard, r *Request, to *gathered) {
	var m shard.Matches
	if to.view, m, to.err = s.Matching(r.Filter); to.err != nil {
		return
	}
	q := &search{ctx: ctx, r: r, view: to.view}
	var ok bool
	if q.vec, ok = to.view.Vectors(r.Using); !ok {
		return
	}
	if to.err = errors.Join(q.run(m), q.fail); to.err == nil {
		to.found = q.candidates()
	}
	to.work = q.work
}

func (q *search) run(m shard.Matches) error {
	set, share, err := q.accepted(m)
	if err != nil {
		return err
	}
	query := index.Query{Vector: q.r.Vector, K: q.r.Offset + q.r.Limit, Accept: set, Done: q.ctx.Done()}
	query.K = min(query.K, max(set.Len(), 1))
	if q.r.PointID != nil {
		query.K++ // the point itself is dropped later
	}
	ef, exact := q.effort(query.K)
	query.NoCodes, query.Rescore = q.r.NoCodes, q.rescored(query.K)
	query.Ef = max(ef, query.K, query.Rescore) // what is measured must have been found
	total := q.vec.Has.Len()
	if !exact && !q.r.IndexedOnly {
		total = q.byTenant(set, share, &query)
	}
	if q.r.IndexedOnly && q.vec.Building {
		return q.indexedOnly(query, share)
	}
	matches := int(share * float64(set.Len()))
	if exact || choose(&q.vec, matches, total, query.Ef) == scan {
		query.Accept = set
		return q.scanVerified(query, share)
	}
	if share < 1 {
		return q.walkChecked(query, set, share)
	}
	q.walk(query)
	if err := q.ctx.Err(); err != nil {
		return err
	}
	return q.scanLacking(query, set)
}

// scanLacking scores the slots of a set that the index may lack.
func (q *search) scanLacking(query index.Query, set *index.Set) error {
	if q.vec.Late.Len() > 0 {
		late := query
		late.Accept = set.And(q.vec.Late)
		if err := q.between(late, 0, q.vec.High); err != nil {
			return err
		}
	}
	query.Accept = set
	return q.scan(query, q.vec.High)
}

// scanVerified scores the accepted slots that match; share below 1 says that
// they are not known yet. All of them are asked, which is cheaper in passing.
func (q *search) scanVerified(query index.Query, share float64) (err error) {
	if share < 1 {
		if query.Accept, err = q.verifier().all(query.Accept); err != nil {
			return err
		}
	}
	return q.scan(query, 0)
}

// walkChecked searches the graph and has the stored payloads of what comes near
// decide. Where that takes more looks than all payloads in passing, the matches
// lie elsewhere, and all are asked.
func (q *search) walkChecked(query index.Query, set *index.Set, share float64) error {
	ctx, stop := context.WithCancel(q.ctx)
	defer stop()
	v, looks := q.verifier(), query.Accept.Len()/scanShare
	query.Share, query.Done = share, ctx.Done()
	query.Check = func(s index.Slot) bool {
		if looks--; looks < 0 {
			stop()
			return false
		}
		return v.check(s)
	}
	q.walk(query)
	if err := q.ctx.Err(); err != nil {
		return err
	}
	query.Done = q.ctx.Done()
	if looks < 0 {
		query.Check, query.Accept, q.hits = nil, set, q.hits[:0]
		return q.scanVerified(query, share)
	}
	query.Check = v.check
	return q.scanLacking(query, set)
}

// rescored is how many candidates are measured by their vectors, as index.Query
// has it.
func (q *search) rescored(k int) int {
	switch {
	case q.r.NoRescore:
		return -1
	case q.r.Oversampling > 0:
		return int(math.Ceil(min(q.r.Oversampling*float64(k), 1<<20)))
	}
	return 0
}

// effort is the breadth for k neighbours, as asked for or as measured; exact
// tells that no breadth does.
func (q *search) effort(k int) (ef int, exact bool) {
	switch {
	case q.r.Exact || q.r.Ef > 0:
		return q.r.Ef, q.r.Exact
	case q.r.Recall > 0:
		return q.asked(k)
	case q.vec.Effort > 0:
		return q.vec.Effort, false
	}
	return defaultEf, false
}

// asked is the breadth for the recall that was asked for. Strict mode bounds it
// as it would bound the client's own: then the recall may be missed.
func (q *search) asked(k int) (ef int, exact bool) {
	ef, ok := q.vec.Breadth(q.r.Recall, k)
	m := q.view.Schema().StrictMode
	if !m.On() {
		return ef, !ok
	}
	if m.SearchMaxHNSWEf != nil {
		ef = min(ef, max(*m.SearchMaxHNSWEf, 1))
	}
	return ef, !ok && m.SearchMaxHNSWEf == nil && (m.SearchAllowExact == nil || *m.SearchAllowExact)
}

// indexedOnly answers from the graph alone while one is being built; a small
// collection that needs none is scanned as ever.
func (q *search) indexedOnly(query index.Query, share float64) error {
	if share < 1 {
		query.Check, query.Share = q.verifier().check, share
	}
	if q.vec.Graph != nil {
		q.hits, q.work = q.vec.Graph.Search(query, q.hits)
	}
	return q.ctx.Err()
}

// walk searches the graph. A slot that joined it after the view looked is left
// to the scan of the tail, which finds it too.
func (q *search) walk(query index.Query) {
	q.vec.Observe(query.Vector)
	if q.r.Filter.IsZero() && !q.vec.Building && q.vec.Graph.Len() == q.vec.Has.Len() {
		// Every node may be returned: nothing to ask per node. Should what joined
		// meanwhile crowd out what the view has, the set is asked after all.
		free := query
		free.Accept = nil
		if q.keep(free) {
			return
		}
		q.hits = q.hits[:0]
	}
	q.keep(query)
}

// keep searches the graph and keeps what it held when the view looked; all says
// that nothing else was found.
func (q *search) keep(query index.Query) (all bool) {
	hits, work := q.vec.Graph.Search(query, nil)
	q.work = q.work.Add(work)
	for _, h := range hits {
		if h.Slot < q.vec.High && !q.vec.Late.Contains(h.Slot) && q.vec.Has.Contains(h.Slot) {
			q.hits = append(q.hits, h)
		}
	}
	return len(q.hits) == len(hits)
}

// scan scores every accepted slot from one on.
func (q *search) scan(query index.Query, from index.Slot) error {
	return q.between(query, from, q.view.Next())
}

// between scores every accepted slot from one up to another.
func (q *search) between(query index.Query, from, next index.Slot) error {
	for ; from < next; from += scanBlock {
		if err := q.ctx.Err(); err != nil {
			return err
		}
		var work index.Work
		q.hits, work = flat.Range(query, q.vec.Space, q.vec.Rows, from, min(next, from+scanBlock), q.hits)
		q.work = q.work.Add(work)
	}
	return q.ctx.Err()
}

// accepted turns a filter into the set that a search may return, and the share
// of it that matches: 1 when all of it does, below 1 an estimate, where each slot
// is still to be asked.
func (q *search) accepted(m shard.Matches) (set *index.Set, share float64, err error) {
	set = q.vec.Has
	if !q.r.Filter.IsZero() {
		set = m.Set.And(q.vec.Has)
	}
	if m.Exact {
		return set, 1, nil
	}
	v := q.verifier()
	few := verifyAll
	if v.inPassing(set) {
		few *= scanShare
	}
	if set.Len() > few && !q.r.Exact {
		share := v.sample(set)
		if share >= rareShare {
			return set, min(share, mostShare), nil
		}
	}
	set, err = v.all(set)
	return set, 1, err
}

// verifier evaluates a filter on stored payloads. One goroutine.
type verifier struct {
	q     *search
	judge *shard.Judge
}

func (q *search) verifier() *verifier {
	return &verifier{q: q, judge: q.view.Judge(q.r.Filter)}
}

func (v *verifier) check(s index.Slot) bool {
	payload, err := v.q.view.Payload(s)
	ok := false
	if err == nil {
		ok, err = v.judge.Holds(v.q.view.ID(s), s, payload)
	}
	if err != nil {
		v.q.fail = err
	}
	return ok
}

// sample is the share of matches among evenly spread slots of the set.
func (v *verifier) sample(set *index.Set) float64 {
	step := max(set.Len()/sampleSize, 1)
	seen, asked, matched := 0, 0, 0
	for s := range set.All() {
		if seen%step == 0 {
			asked++
			if v.check(s) {
				matched++
			}
		}
		seen++
	}
	return float64(matched) / float64(max(asked, 1))
}

// all keeps the slots that match. Many of a shard's points are read in one pass
// in id order, as they lie on the disk; few are looked up one by one.
func (v *verifier) all(set *index.Set) (*index.Set, error) {
	if v.inPassing(set) {
		return v.pass(set)
	}
	e := (*index.Set)(nil).Edit()
	n := 0
	for s := range set.All() {
		if n++; n%1024 == 0 && v.q.ctx.Err() != nil {
			return nil, v.q.ctx.Err()
		}
		if v.check(s) {
			e.Add(s)
		}
	}
	return e.Done(), nil
}

// inPassing says whether one pass over the shard is cheaper than a lookup for
// each slot of the set.
func (v *verifier) inPassing(set *index.Set) bool {
	return set.Len()*scanShare > v.q.view.Live().Len()
}

// pass reads all points of the shard and keeps the slots of set that match.
func (v *verifier) pass(set *index.Set) (*index.Set, error) {
	e := (*index.Set)(nil).Edit()
	n := 0
	var fault error
	err := v.q.view.Scan(point.ID{}, func(p *shard.Entry) bool {
		if n++; n%1024 == 0 && v.q.ctx.Err() != nil {
			fault = v.q.ctx.Err()
			return false
		}
		if !set.Contains(p.Slot()) {
			return true
		}
		ok := false
		if ok, fault = v.judge.Holds(p.ID, p.Slot(), p.Payload()); ok {
			e.Add(p.Slot())
		}
		return fault == nil
	})
	return e.Done(), errors.Join(err, fault)
}

// candidates names the hits and keeps the best.
func (q *search) candidates() []candidate {
	out := make([]candidate, 0, len(q.hits))
	for _, h := range q.hits {
		c := candidate{id: q.view.ID(h.Slot), slot: h.Slot, dist: h.Dist, view: q.view}
		if q.r.PointID == nil || c.id != *q.r.PointID {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, byDistance)
	return out[:min(q.r.Offset+q.r.Limit, len(out))]
}

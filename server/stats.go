package server

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// stats counts answers and their durations by endpoint and HTTP status, over all
// and by collection.
type stats struct {
	mu           sync.Mutex
	all          answers
	byCollection map[string]answers
}

// answers are durations by endpoint and status.
type answers map[string]map[int]*durations

// durations sums up how long answers took, in microseconds.
type durations struct {
	count    int
	total    int64
	min, max int64
	last     time.Time
}

func (a answers) add(endpoint string, status int, took time.Duration, now time.Time) {
	statuses, ok := a[endpoint]
	if !ok {
		statuses = map[int]*durations{}
		a[endpoint] = statuses
	}
	d, ok := statuses[status]
	if !ok {
		d = &durations{min: took.Microseconds()}
		statuses[status] = d
	}
	n := took.Microseconds()
	d.count++
	d.total += n
	d.min, d.max = min(d.min, n), max(d.max, n)
	d.last = now
}

// observe counts one answer; collection is "" when it is about none.
func (s *stats) observe(endpoint, collection string, status int, took time.Duration) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all, s.byCollection = answers{}, map[string]answers{}
	}
	s.all.add(endpoint, status, took, now)
	if collection == "" {
		return
	}
	if s.byCollection[collection] == nil {
		s.byCollection[collection] = answers{}
	}
	s.byCollection[collection].add(endpoint, status, took, now)
}

// forget drops what is known of a collection.
func (s *stats) forget(collection string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byCollection, collection)
}

// report is the counts in the contract's shape, over all.
func (s *stats) report() object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.report()
}

// perCollection is the counts in the contract's shape, by collection.
func (s *stats) perCollection(name func(string) string) object {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := object{}
	for _, collection := range slices.Sorted(maps.Keys(s.byCollection)) {
		out[name(collection)] = s.byCollection[collection].report()
	}
	return out
}

func (a answers) report() object {
	out := object{}
	for endpoint, statuses := range a {
		list := object{}
		for status, d := range statuses {
			list[strconv.Itoa(status)] = object{
				"count": d.count, "total_duration_micros": d.total, "min_duration_micros": d.min, "max_duration_micros": d.max,
				"avg_duration_micros": float64(d.total) / float64(d.count), "last_responded": d.last.UTC().Format(time.RFC3339Nano),
			}
		}
		out[endpoint] = list
	}
	return out
}

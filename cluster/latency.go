package cluster

import (
	"sync/atomic"
	"time"
)

// LatencyBounds are the upper bounds, in seconds, of a Latency's buckets.
var LatencyBounds = [...]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1}

// Latency is a histogram at one moment: Buckets[i] counts what took at most
// LatencyBounds[i] seconds.
type Latency struct {
	Count   uint64
	Seconds float64
	Buckets [len(LatencyBounds)]uint64
}

// latency gathers a Latency. The zero value is ready; safe from any goroutine.
type latency struct {
	count   atomic.Uint64
	nanos   atomic.Int64
	buckets [len(LatencyBounds)]atomic.Uint64
}

func (l *latency) observe(took time.Duration) {
	l.count.Add(1)
	l.nanos.Add(int64(took))
	for i, bound := range LatencyBounds {
		if took.Seconds() <= bound {
			l.buckets[i].Add(1)
		}
	}
}

func (l *latency) read() Latency {
	out := Latency{Count: l.count.Load(), Seconds: time.Duration(l.nanos.Load()).Seconds()}
	for i := range l.buckets {
		out.Buckets[i] = l.buckets[i].Load()
	}
	return out
}

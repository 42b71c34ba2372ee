package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/kithdb/kith/cluster"
)

// noLimit is the setting memory_limit for as much memory as the system gives.
const noLimit = "none"

// parseMemory reads a size: bytes, or a number with KiB, MiB, GiB or TiB (the iB
// may be left out). "" is 0, the system's own limit; none is −1.
func parseMemory(text string) (int64, error) {
	switch text {
	case "":
		return 0, nil
	case noLimit:
		return -1, nil
	}
	number := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(text), "B"), "I")
	unit := float64(1)
	for i, letter := range "KMGT" {
		if rest, ok := strings.CutSuffix(number, string(letter)); ok {
			number, unit = rest, math.Pow(1024, float64(i+1))
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(n*unit >= leastMemory) || n*unit > math.MaxInt64/2 {
		return 0, fmt.Errorf("memory_limit %q: use a size of at least %d MiB such as 800MiB or 12GiB, or %s", text, leastMemory/mib, noLimit)
	}
	return int64(n * unit), nil
}

// leastMemory is what an empty server needs, with room to answer.
const leastMemory = 64 * mib

const (
	// governEvery is how often the collector's limit is set anew.
	governEvery = time.Second
	// heapPercent is the share of the limit that the collector keeps all of the
	// process within.
	heapPercent = 95
	// leastHeap is the share of the limit that is always the heap's: a collector
	// that is pressed harder only burns time.
	leastHeap = 8
)

// govern has Go's collector work harder as the process nears its limit, until
// ctx ends. The collector does not see what lies outside its heap (vectors,
// graphs), so its own limit is what these leave. GOMEMLIMIT goes before.
func govern(ctx context.Context, node *cluster.Node) {
	if os.Getenv("GOMEMLIMIT") != "" || node.Memory().Limit == 0 {
		return
	}
	t := time.NewTicker(governEvery)
	defer t.Stop()
	for last := int64(0); ; {
		m := node.Memory()
		if to := heapLimit(m, goBytes()); to-last > m.Limit/64 || last-to > m.Limit/64 {
			debug.SetMemoryLimit(to)
			last = to
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// heapLimit is what is left for Go's heap, which is now of so many bytes.
func heapLimit(m cluster.Memory, heap int64) int64 {
	outside := max(m.Resident-heap, 0)
	return max(m.Limit/100*heapPercent-outside, m.Limit/leastHeap)
}

// goBytes is the memory that Go's runtime has and has not given back.
func goBytes() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

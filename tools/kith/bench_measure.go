package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
	"github.com/kithdb/kith/tools/kith/curve"
)

// maxEf is the widest search that is measured.
const maxEf = 1 << 20

// trial is an index that is measured.
type trial struct {
	x     index.Searcher
	d     *dataset
	floor *floor // nil: it is not told
	ready func() // before each pass, in no query's time; may be nil
}

// measure asks all queries three times, each timed alone.
func measure(a *trial, ef int) curve.Point {
	const passes = 3
	var qps, cpu []float64
	var latency []time.Duration
	p := curve.Point{Setting: json.RawMessage(strconv.Itoa(ef))}
	for range passes {
		one := onePass(a, ef)
		busy := 0.0
		latency = latency[:0]
		for _, us := range one.Latency {
			busy += us
			latency = append(latency, time.Duration(us*1e3))
		}
		qps, cpu = append(qps, 1e6*float64(a.d.query.Rows)/busy), append(cpu, one.CPUus)
		p.Recall, p.Distances, p.Hops = one.Recall, one.Distances, one.Hops
	}
	p.QPS, p.CPUus = curve.Median(qps), curve.Median(cpu)
	p.P50us, p.P99us = quantiles(latency)
	return p
}

// quantiles are the median and the 99th percentile in microseconds; it sorts.
func quantiles(latency []time.Duration) (p50, p99 float64) {
	slices.Sort(latency)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	return us(latency[len(latency)/2]), us(latency[len(latency)*99/100])
}

// residentBytes is this process's resident memory; 0 where /proc does not tell.
func residentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// settledBytes is the resident memory without what the collector can free.
func settledBytes() int64 {
	debug.FreeOSMemory()
	return residentBytes()
}

// memoryText is what a run takes over the raw vectors, by both ways to tell.
func memoryText(r *curve.Run) string {
	account, grown := r.Memory()
	return fmt.Sprintf("memory over raw float32: %.2f by account (vectors %.2f, index %.2f), %.2f by what the process grew",
		account, r.VectorsMiB/r.RawMiB, r.BesideMiB/r.RawMiB, grown)
}

// floor tells what a query must read at least, and how long that takes at the
// memory's own speed. It counts distances by code, distances by vector and lists
// of links; what lies between them is the work that remains to be saved.
type floor struct {
	x         index.Searcher
	d         *dataset
	rowBytes  float64
	codeBytes float64 // 0: there are no codes
	listBytes float64 // 0: the kind is no graph
	speed     float64 // bytes a microsecond, one thread, in sequence; 0: nothing is told
}

func newFloor(b *indexBench, x *built, d *dataset) *floor {
	f := &floor{x: x.index, d: d, rowBytes: 4 * float64(d.base.Columns)}
	if b.inline {
		return f // codes beside the links come with these: what is read of them is not counted
	}
	f.speed = memorySpeed(d)
	if g, ok := x.index.(quant.Guided); ok && g.Code() != nil {
		f.codeBytes = float64(g.Code().RowBytes())
	}
	if b.kind == "hnsw" {
		f.listBytes = 4 * float64(1+2*b.m)
	}
	return f
}

// add counts the bytes of a point. How many distances were by vector is found by
// asking once more, for the codes' estimates alone.
func (f *floor) add(p *curve.Point, ef int) {
	if f == nil || f.speed == 0 {
		return
	}
	byVector := p.Distances
	if f.codeBytes > 0 {
		byVector -= f.estimates(ef)
	}
	p.Bytes = byVector*f.rowBytes + (p.Distances-byVector)*f.codeBytes + p.Hops*f.listBytes
	p.FloorUS = p.Bytes / f.speed
}

// estimates are the distances of a query that measures nothing by its vector.
func (f *floor) estimates(ef int) float64 {
	found, sum := []index.Hit(nil), 0
	for q := range f.d.query.Rows {
		var w index.Work
		found, w = f.x.Search(index.Query{Vector: f.d.query.Row(q), K: recallAt, Ef: ef, Rescore: -1}, found[:0])
		sum += w.Distances
	}
	return float64(sum) / float64(f.d.query.Rows)
}

func (f *floor) text(p *curve.Point) string {
	if p.FloorUS == 0 {
		return ""
	}
	return fmt.Sprintf("  %.1f KiB, %.1f times the floor", p.Bytes/1024, 1e6/p.QPS/p.FloorUS)
}

// memorySpeed is how fast one thread reads the vectors in sequence, in bytes a
// microsecond: the best of a few passes over at most 256 MiB.
func memorySpeed(d *dataset) float64 {
	const ids, passes = 512, 3
	var list [ids]uint32
	var out [ids]float32
	rows := min(d.base.Rows, 256<<20/(4*d.base.Columns)+1)
	best := 0.0
	for range passes {
		start := time.Now()
		for at := 0; at < rows; at += ids {
			part := list[:min(ids, rows-at)]
			for i := range part {
				part[i] = uint32(at + i)
			}
			simd.Distances(index.Dot, d.query.Row(0), unsafe.Pointer(unsafe.SliceData(d.base.Cells)), 4*d.base.Columns, part, out[:])
		}
		took := max(float64(time.Since(start).Nanoseconds())/1e3, 1e-3)
		best = max(best, 4*float64(rows)*float64(d.base.Columns)/took)
	}
	return best
}

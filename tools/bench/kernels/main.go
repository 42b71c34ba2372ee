//go:build ckernels && cgo && amd64 && linux

package main

// #cgo CFLAGS: -O3 -mtune=native -Wall
// #cgo !haswell CFLAGS: -march=native
// #cgo haswell CFLAGS: -march=haswell
// #include "kernels.h"
import "C"

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/simd"
)

const (
	listLen = 32  // rows a call, as many as a node of a graph has neighbours
	lists   = 128 // of one turn
)

type options struct {
	rows, mib, turns int
	only             string
}

func main() {
	var o options
	flag.IntVar(&o.rows, "rows", 1_000_000, "rows of each kind, fewer where they take more than -mib")
	flag.IntVar(&o.mib, "mib", 512, "most memory of the rows of one kind; 1: rows are in the second cache")
	flag.IntVar(&o.turns, "turns", 200, "turns of each side")
	flag.StringVar(&o.only, "only", "", "only kernels whose name has this in it")
	flag.Parse()
	runtime.LockOSThread()
	fmt.Printf("kernels %s beside C with AVX2: %d random rows a call, ns of processor time a distance (a block for scan)\n", simd.Level(), listLen)
	fmt.Printf("%-18s %5s %9s %9s %9s %11s\n", "kernel", "dim", "rows", "ours", "C", "ours over C")
	for _, dim := range []int{100, 128, 784} {
		for _, k := range kernels(dim) {
			if !strings.Contains(k.name, o.only) {
				continue
			}
			if err := o.race(k, dim); err != nil {
				fmt.Fprintln(os.Stderr, "kernels:", k.name, err)
				os.Exit(1)
			}
		}
	}
}

// race measures one kernel: the median of each side's turns, and the median of
// the ratios of turns that stood side by side.
func (o options) race(k kernel, dim int) error {
	n := max(min(o.rows, o.mib<<20/k.rowBytes), listLen)
	a := arena.New(arena.Options{RowBytes: k.rowBytes})
	defer a.Close()
	if err := a.Grow(n); err != nil {
		return err
	}
	rows := a.Rows()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range uint32(n) {
		k.fill(rng, rows.Bytes(i))
	}
	ids := make([]uint32, 64*lists*listLen)
	for i := range ids {
		ids[i] = uint32(rng.IntN(n))
	}
	if err := k.agree(rows, ids[:listLen-1]); err != nil {
		return err
	}
	var ours, theirs, ratios []float64
	at := 0
	take := func(side func(rows arena.Rows, ids []uint32, count int)) float64 {
		part := ids[at : at+lists*listLen]
		at = (at + len(part)) % len(ids)
		began := threadTime()
		side(rows, part, listLen)
		return float64(threadTime()-began) / lists / float64(k.perList)
	}
	for turn := range o.turns {
		var x, y float64
		if turn%2 == 0 {
			x, y = take(k.ours), take(k.theirs)
		} else {
			y, x = take(k.theirs), take(k.ours)
		}
		ours, theirs, ratios = append(ours, x), append(theirs, y), append(ratios, x/y)
	}
	fmt.Printf("%-18s %5d %9d %9.1f %9.1f %11.2f\n", k.name, dim, n, median(ours), median(theirs), median(ratios))
	return nil
}

// agree compares the results: a race of two different things says nothing.
func (k kernel) agree(rows arena.Rows, ids []uint32) error {
	k.ours(rows, ids, len(ids))
	ours := slices.Clone(k.out)
	k.theirs(rows, ids, len(ids))
	for i, x := range ours {
		y := k.out[i]
		if math.Float32bits(x) == math.Float32bits(y) {
			continue
		}
		if !(math.Abs(float64(x-y)) <= 1e-3*max(1, math.Abs(float64(x)))) {
			return fmt.Errorf("result %d: ours %v, C's %v", i, x, y)
		}
	}
	return nil
}

// threadTime is the processor time of this thread: what others on the machine do
// is not in it.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// inC calls a loop in C over lists of rows.
func inC(kind C.int, query unsafe.Pointer, dim int, mul float32, out []float32) func(rows arena.Rows, ids []uint32, count int) {
	return func(rows arena.Rows, ids []uint32, count int) {
		C.run(kind, query, C.long(dim), C.float(mul), (*C.char)(rows.Base()), C.long(rows.Stride()),
			(*C.uint32_t)(unsafe.Pointer(&ids[0])), C.long(count), C.long(len(ids)/count), (*C.float)(unsafe.Pointer(&out[0])))
	}
}

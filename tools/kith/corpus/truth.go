package corpus

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/simd"
	"github.com/kithdb/kith/tools/kith/source"
)

const (
	// block is the rows that a worker compares with all its queries while they
	// are in the second-level cache: 256 of 768 dimensions are 768 KiB.
	block = 256
	// share is the queries that a worker takes at once.
	share = 32
)

// complete computes the truth, or finds it where an earlier run left it.
func (s *Set) complete(ctx context.Context, o *Options) error {
	path, err := s.kept(o)
	if err != nil {
		return err
	}
	if path != "" {
		s.Truth, err = source.LoadMatrix[int32](path)
		if err == nil {
			return s.check(o.Depth)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: remove it, and it is computed anew", err)
		}
	}
	k := min(Neighbours, s.Base.Rows)
	o.Note(fmt.Sprintf("computing the %d true neighbours of %d queries among %d vectors of %s", k, s.Query.Rows, s.Base.Rows, s.Name))
	if s.Truth, err = Exact(ctx, s, k); err != nil || path == "" {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return source.SaveMatrix(path, s.Truth)
}

// kept is where the truth is kept: a name that changes with the files, their
// sizes and times, the metric and the rows. "" where there is no cache.
func (s *Set) kept(o *Options) (string, error) {
	if o.Generate != "" && o.Limit == 0 && s.Metric == index.Euclid {
		return filepath.Join(s.Folder, "gt.ibin"), nil // the folder is ours, and other tools read it too
	}
	if o.Cache == "" {
		return "", nil
	}
	h := sha256.New()
	for _, name := range s.files {
		whole, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		info, err := os.Stat(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %d %d\n", whole, info.Size(), info.ModTime().UnixNano())
	}
	fmt.Fprintf(h, "%v %d %d %d", s.Metric, s.Base.Rows, s.Query.Rows, Neighbours)
	return filepath.Join(o.Cache, fmt.Sprintf("truth-%s-%x.ibin", s.Name, h.Sum(nil)[:8])), nil
}

// Exact is the k nearest rows of every query, nearest first and equal distances
// by number, by comparing all with all on all cores.
func Exact(ctx context.Context, s *Set, k int) (*source.Matrix[int32], error) {
	out := &source.Matrix[int32]{Rows: s.Query.Rows, Columns: k, Cells: make([]int32, s.Query.Rows*k)}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for ctx.Err() == nil {
				from := int(next.Add(share)) - share
				if from >= s.Query.Rows {
					return
				}
				nearest(ctx, s, out, from)
			}
		})
	}
	workers.Wait()
	return out, ctx.Err()
}

// nearest finds the neighbours of a share of the queries.
func nearest(ctx context.Context, s *Set, out *source.Matrix[int32], from int) {
	n := min(share, s.Query.Rows-from)
	tops := make([]*flat.TopK, n)
	for i := range tops {
		tops[i] = flat.New(out.Columns)
	}
	base, stride := unsafe.Pointer(unsafe.SliceData(s.Base.Cells)), 4*s.Base.Columns
	var ids [block]uint32
	var dists [block]float32
	for at := 0; at < s.Base.Rows && ctx.Err() == nil; at += block {
		part := ids[:min(block, s.Base.Rows-at)]
		for i := range part {
			part[i] = uint32(at + i)
		}
		for i, top := range tops {
			simd.Distances(s.Metric, s.Query.Row(from+i), base, stride, part, dists[:])
			for j, id := range part {
				top.Offer(index.Slot(id), dists[j])
			}
		}
	}
	for i, top := range tops {
		for j, h := range top.Hits() {
			out.Row(from + i)[j] = int32(h.Slot)
		}
	}
}

// Distances is how far each row of the base is from a query, by its number.
func Distances(m index.Metric, query []float32, base *source.Matrix[float32]) []float32 {
	out := make([]float32, base.Rows)
	var ids [block]uint32
	for at := 0; at < base.Rows; at += block {
		part := ids[:min(block, base.Rows-at)]
		for i := range part {
			part[i] = uint32(at + i)
		}
		simd.Distances(m, query, unsafe.Pointer(unsafe.SliceData(base.Cells)), 4*base.Columns, part, out[at:])
	}
	return out
}

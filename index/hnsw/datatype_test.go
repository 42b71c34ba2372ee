package hnsw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/block"
	"github.com/kithdb/kith/index/flat"
)

// typed is rows of a datatype with a graph over them.
type typed struct {
	rows  *arena.Arena
	graph *Graph
	rng   *rand.Rand
	mids  [][]float32
}

func newTyped(t *testing.T, n, dim int, s index.Space) *typed {
	t.Helper()
	c := &typed{rows: arena.New(arena.Options{RowBytes: dim * s.Datatype.Bytes()}), rng: rand.New(rand.NewPCG(uint64(s.Datatype), uint64(s.Metric)))}
	t.Cleanup(func() { c.rows.Close() })
	for range 20 {
		mid := make([]float32, dim)
		for i := range mid {
			mid[i] = c.rng.Float32() * 256
		}
		c.mids = append(c.mids, mid)
	}
	var err error
	if err = errors.Join(c.rows.Pin(), c.rows.Grow(n)); err != nil {
		t.Fatal(err)
	}
	c.graph, err = New(c.rows, Options{Dim: dim, Metric: s.Metric, Datatype: s.Datatype, M: 12, EfConstruct: 100, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.graph.Close() })
	for i := range uint32(n) {
		s.Datatype.Encode(c.rows.Rows().Bytes(i), c.point())
		if err := c.graph.Insert(index.Slot(i)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *typed) point() []float32 {
	mid := c.mids[c.rng.IntN(len(c.mids))]
	v := make([]float32, len(mid))
	for i := range v {
		v[i] = mid[i] + float32(c.rng.NormFloat64()*30)
	}
	return v
}

func (c *typed) recall(t *testing.T, g *Graph, live *index.Set) {
	t.Helper()
	found, wanted := 0, 0
	for range 60 {
		q := index.Query{Vector: c.point(), K: 10, Ef: 200, Accept: live}
		truth, _ := flat.Range(q, g.o.space(), c.rows.Rows(), 0, index.Slot(c.rows.Rows().Len()), nil)
		hits, _ := g.Search(q, nil)
		wanted += len(truth)
		for _, h := range hits {
			if h.Dist <= truth[len(truth)-1].Dist {
				found++
			}
		}
	}
	if float64(found) < 0.95*float64(wanted) {
		t.Errorf("%d of %d true neighbours found", found, wanted)
	}
}

// Built, saved, loaded and repaired, a graph of every datatype finds what an
// exact search finds.
func TestEveryDatatype(t *testing.T) {
	const n, dim = 1500, 19
	for _, d := range []index.Datatype{index.Float16, index.Bfloat16, index.Uint8} {
		for m := index.Cosine; m <= index.Manhattan; m++ {
			t.Run(fmt.Sprint(d, m), func(t *testing.T) {
				c := newTyped(t, n, dim, index.Space{Metric: m, Datatype: d})
				c.recall(t, c.graph, all(n))
				var file bytes.Buffer
				if err := c.graph.Save(&file, index.Meta{High: n}); err != nil {
					t.Fatal(err)
				}
				other := c.graph.o
				other.Datatype = index.Float16 + index.Uint8 - min(d, index.Uint8)
				if _, err := readHeader(bytes.NewReader(file.Bytes()), other); !errors.Is(err, ErrSettings) {
					t.Errorf("another datatype: %v", err)
				}
				loaded, _, err := Load(&file, c.rows, c.graph.o)
				if err != nil {
					t.Fatal(err)
				}
				defer loaded.Close()
				e := (*index.Set)(nil).Edit()
				for i := 0; i < n; i += 2 {
					e.Add(index.Slot(i))
				}
				live := e.Done()
				if removed, err := loaded.Repair(live, index.Pace{Workers: 2}); err != nil || removed != n/2 {
					t.Fatalf("%d removed, %v", removed, err)
				}
				c.recall(t, loaded, live)
			})
		}
	}
}

func TestRowsOfAnotherDatatypeAreRefused(t *testing.T) {
	rows := arena.New(arena.Options{RowBytes: 8})
	defer rows.Close()
	if err := rows.Pin(); err != nil {
		t.Fatal(err)
	}
	if g, err := New(rows, Options{Dim: 8, Metric: index.Dot, Datatype: index.Float16, M: 4, EfConstruct: 10}); err == nil {
		g.Close()
		t.Error("rows of 8 bytes were taken for 8 float16")
	}
}

// A checkpoint of version 1, which had zeros for the datatype, is float32.
func TestVersionOneIsRead(t *testing.T) {
	s := newSpace(t, 300, 6, index.Euclid)
	g := s.graph(t, 40)
	s.insertAll(t, g)
	var file bytes.Buffer
	if err := g.Save(&file, index.Meta{High: 300}); err != nil {
		t.Fatal(err)
	}
	old := file.Bytes()
	binary.LittleEndian.PutUint32(old[8:], 1)
	binary.LittleEndian.PutUint32(old[headerSize-4:], block.Checksum(old[:headerSize-4]))
	spelled := g.o
	spelled.Datatype = index.Float32
	again, _, err := Load(bytes.NewReader(old), s.rows, spelled)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	again.mustBeSound(t, nil)
}

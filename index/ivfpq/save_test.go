package ivfpq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
)

func saved(t testing.TB, x *Index, m index.Meta) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := x.Save(&file, m); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestSaveAndLoad(t *testing.T) {
	w := newWorld(t, shape{n: 3000, dim: 20, metric: index.Cosine, seed: 3})
	x := w.built(t)
	meta := index.Meta{High: 3000, Applied: 1 << 40, Effort: 77}
	file := saved(t, x, meta)
	y, got, err := Load(bytes.NewReader(file), w.rows, w.options())
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	if got != meta || y.Len() != x.Len() || y.Stale() != x.Stale() {
		t.Errorf("%+v with %d slots, want %+v with %d", got, y.Len(), meta, x.Len())
	}
	for range 50 {
		q := index.Query{Vector: w.point(), K: 10, Ef: 40}
		a, _ := x.Search(q, nil)
		b, _ := y.Search(q, nil)
		if !slices.Equal(a, b) {
			t.Fatalf("%v, and once loaded %v", a, b)
		}
	}
	if again := saved(t, y, meta); !bytes.Equal(again, file) {
		t.Error("what is loaded is saved otherwise")
	}
	other := w.options()
	other.CodeBytes = 3
	if _, _, err := Load(bytes.NewReader(file), w.rows, other); !errors.Is(err, ErrSettings) {
		t.Errorf("other settings: %v", err)
	}
}

// A checkpoint leaves lists that inserts have scattered in one piece each.
func TestSavePutsListsInOrder(t *testing.T) {
	w := newWorld(t, shape{n: 2000, dim: 6, metric: index.Euclid, seed: 3})
	o := w.options()
	o.Lists = 7
	x := w.open(t, o)
	if err := x.Train(w.all(), index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	w.insertAll(t, x, 1)
	q := index.Query{Vector: w.point(), K: 20, Ef: 40}
	before, _ := x.Search(q, nil)
	first := saved(t, x, index.Meta{})
	g := x.now.Load()
	for i := range g.lists {
		numbers, _ := g.lists[i].entries()
		for j := range numbers {
			if numbers[j] != numbers[0]+uint32(j) {
				t.Fatalf("list %d lies in blocks %v", i, numbers)
			}
		}
	}
	if after, _ := x.Search(q, nil); !slices.Equal(before, after) || x.Len() != w.n {
		t.Errorf("%v, and in order %v", before, after)
	}
	if again := saved(t, x, index.Meta{}); !bytes.Equal(first, again) || x.now.Load() != g {
		t.Error("what is in order was put in order again")
	}
}

// Slots that wait for a training are saved as such.
func TestSaveBeforeTraining(t *testing.T) {
	w := newWorld(t, shape{n: 100, dim: 5, metric: index.Euclid, seed: 3})
	x := w.open(t, w.options())
	w.insertAll(t, x, 1)
	y, _, err := Load(bytes.NewReader(saved(t, x, index.Meta{})), w.rows, w.options())
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	if y.Len() != 100 || !y.Contains(99) {
		t.Fatalf("%d slots", y.Len())
	}
	if r := w.recall(y, index.Query{K: 5}, 10); r < 1 {
		t.Errorf("recall %.2f of an exact search", r)
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	w := newWorld(t, shape{n: 400, dim: 8, metric: index.Euclid, seed: 3})
	file := saved(t, w.built(t), index.Meta{High: 400})
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		bad := slices.Clone(file)
		if cut := rng.IntN(len(bad)); rng.IntN(3) == 0 {
			bad = bad[:cut]
		} else {
			bad[cut] ^= 1 << rng.IntN(8)
		}
		y, _, err := Load(bytes.NewReader(bad), w.rows, w.options())
		if !errors.Is(err, block.ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatalf("%v", err)
		}
		if y != nil {
			t.Fatal("an index beside an error")
		}
	}
	if _, _, err := Load(bytes.NewReader(append(slices.Clone(file), 0)), w.rows, w.options()); !errors.Is(err, block.ErrCorrupt) {
		t.Errorf("a byte more: %v", err)
	}
	next := slices.Clone(file)
	binary.LittleEndian.PutUint32(next[len(magic):], version+1)
	if _, _, err := Load(bytes.NewReader(next), w.rows, w.options()); !errors.Is(err, ErrVersion) {
		t.Errorf("the next version: %v", err)
	}
}

// FuzzLoad reads streams whose checksums are right: what is fuzzed is what these
// would let through. An index that loads can be searched and saved.
func FuzzLoad(f *testing.F) {
	w := newWorld(f, shape{n: 60, dim: 4, metric: index.Euclid, seed: 3})
	fuzzLoad(f, w, w.options())
}

// FuzzLoadFramed is FuzzLoad of lists along axes, turned.
func FuzzLoadFramed(f *testing.F) {
	w := newWorld(f, shape{n: 60, dim: 4, metric: index.Euclid, seed: 3})
	o := w.options()
	o.Axes, o.Rotate = 2, true
	fuzzLoad(f, w, o)
}

func fuzzLoad(f *testing.F, w *world, o Options) {
	x := w.open(f, o)
	w.insertAll(f, x, 1)
	add := func() {
		file := saved(f, x, index.Meta{High: 60})
		r := block.NewReader(bytes.NewReader(file[headSize:]))
		var plain []byte
		for b, err := r.ReadByte(); err == nil; b, err = r.ReadByte() {
			plain = append(plain, b)
		}
		f.Add(plain)
	}
	add()
	if err := x.Train(w.all(), index.Pace{Workers: 2}); err != nil {
		f.Fatal(err)
	}
	add()
	f.Fuzz(func(t *testing.T, plain []byte) {
		var file bytes.Buffer
		file.Write(binary.LittleEndian.AppendUint32([]byte(magic), version))
		out := block.NewWriter(&file)
		out.Write(plain)
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		y, m, err := Load(&file, w.rows, o)
		if err != nil {
			return
		}
		defer y.Close()
		y.Stale()
		hits, _ := y.Search(index.Query{Vector: []float32{1, 2, 3, 4}, K: 10, Ef: 60}, nil)
		for _, h := range hits {
			if int(h.Slot) >= w.n {
				t.Fatalf("slot %d", h.Slot)
			}
		}
		if _, _, err := Load(bytes.NewReader(saved(t, y, m)), w.rows, o); err != nil {
			t.Errorf("saved again: %v", err)
		}
	})
}

// headSize is what block.Open reads.
const headSize = len(magic) + 4

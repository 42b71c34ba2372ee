package corpus

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/tools/kith/source"
)

func save[T float32 | int32](t *testing.T, path string, rows [][]T) {
	t.Helper()
	m := &source.Matrix[T]{Rows: len(rows), Columns: len(rows[0]), Cells: slices.Concat(rows...)}
	if err := source.SaveMatrix(path, m); err != nil {
		t.Fatal(err)
	}
}

// line is points on a line, at 0, 1, 2 and so on.
func line(n int) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = []float32{float32(i), 0}
	}
	return rows
}

func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	save(t, filepath.Join(dir, "base.fbin"), line(300))
	save(t, filepath.Join(dir, "query.fbin"), [][]float32{{10.2, 0}, {250.4, 0}})
	if err := os.WriteFile(filepath.Join(dir, "meta.json"), []byte(`{"metric":"euclidean"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTruthIsComputedAndKept(t *testing.T) {
	dir, cache := folder(t), filepath.Join(t.TempDir(), "kept")
	var notes []string
	o := Options{Path: dir, Depth: 10, Cache: cache, Note: func(s string) { notes = append(notes, s) }}
	first, err := Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if first.Truth.Columns != Neighbours || !slices.Equal(first.Truth.Row(0)[:4], []int32{10, 11, 9, 12}) || !slices.Equal(first.Truth.Row(1)[:3], []int32{250, 251, 249}) {
		t.Errorf("truth %v", first.Truth.Cells)
	}
	again, err := Load(t.Context(), o)
	if err != nil || !slices.Equal(again.Truth.Cells, first.Truth.Cells) || len(notes) != 1 {
		t.Errorf("the second load: %v, notes %q", err, notes)
	}
	o.Limit = 200 // another base, another truth
	less, err := Load(t.Context(), o)
	if err != nil || less.Base.Rows != 200 || less.Truth.Row(1)[0] != 199 || len(notes) != 2 {
		t.Errorf("limited: %v, notes %q", err, notes)
	}
	o.Limit, o.Metric = 0, index.Dot
	dot, err := Load(t.Context(), o)
	if err != nil || dot.Truth.Row(0)[0] != 299 {
		t.Errorf("by dot product: %v", err)
	}
}

func TestFilesOfVectors(t *testing.T) {
	dir := t.TempDir()
	base, queries, truth := filepath.Join(dir, "b.fbin"), filepath.Join(dir, "q.fbin"), filepath.Join(dir, "t.ibin")
	save(t, base, line(300))
	save(t, queries, [][]float32{{7.1, 0}})
	save(t, truth, [][]int32{{7, 8, 6}})
	s, err := Load(t.Context(), Options{Path: base, Metric: index.Euclid, Depth: 10})
	if err != nil || s.Base.Rows != 270 || s.Query.Rows != 30 || s.Query.Row(0)[0] != 270 || s.Truth.Row(0)[0] != 269 {
		t.Errorf("held out: %v", err)
	}
	s, err = Load(t.Context(), Options{Path: base, Queries: queries, Truth: truth, Metric: index.Euclid, Depth: 3})
	if err != nil || !slices.Equal(s.Truth.Cells, []int32{7, 8, 6}) {
		t.Errorf("with files of their own: %v", err)
	}
}

func TestTheTexmexNames(t *testing.T) {
	dir := t.TempDir()
	vecs := func(name string, rows [][]float32, whole bool) {
		var b []byte
		for _, r := range rows {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(r)))
			for _, v := range r {
				if b, _ = binary.Append(b, binary.LittleEndian, v); whole {
					binary.LittleEndian.PutUint32(b[len(b)-4:], uint32(v))
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	vecs("sift_base.fvecs", line(30), false)
	vecs("sift_query.fvecs", [][]float32{{4, 0}}, false)
	vecs("sift_groundtruth.ivecs", [][]float32{{4, 3, 5}}, true)
	if err := os.WriteFile(filepath.Join(dir, "meta.json"), []byte(`{"metric":"l2"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(t.Context(), Options{Path: dir, Depth: 3})
	if err != nil || s.Base.Rows != 30 || s.Base.Row(29)[0] != 29 || !slices.Equal(s.Truth.Cells, []int32{4, 3, 5}) {
		t.Errorf("%+v, %v", s, err)
	}
	vecs("sift_base.fvecs", [][]float32{{1, 2}, {3, 4, 5}}, false)
	if _, err := Load(t.Context(), Options{Path: dir, Depth: 1}); err == nil {
		t.Error("rows of different lengths were taken")
	}
}

func TestHDF5(t *testing.T) {
	path := filepath.Join("..", "hdf5", "testdata", "new.hdf5")
	s, err := Load(t.Context(), Options{Path: path, Depth: 2})
	if err != nil || s.Metric != index.Euclid || s.Base.Rows != 20 || s.Query.Rows != 4 || s.Truth.Columns != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	s, err = Load(t.Context(), Options{Path: filepath.Join("..", "hdf5", "testdata", "old.hdf5"), Depth: 2, Limit: 8})
	if err != nil || s.Metric != index.Cosine || s.Base.Rows != 8 || s.Truth.Columns != 8 {
		t.Fatalf("%+v, %v", s, err)
	}
	row, sum := s.Base.Row(0), float32(0)
	for _, v := range row {
		sum += v * v
	}
	if sum < 0.999 || sum > 1.001 {
		t.Errorf("a row of squared length %v", sum)
	}
}

func TestErrorsNameTheFault(t *testing.T) {
	write := func(do func(dir string)) string {
		dir := folder(t)
		do(dir)
		return dir
	}
	for want, o := range map[string]Options{
		"no such file":    {Path: filepath.Join(t.TempDir(), "none")},
		"holds no base":   {Path: t.TempDir()},
		"--metric":        {Path: write(func(dir string) { _ = os.Remove(filepath.Join(dir, "meta.json")) })},
		"the queries 3":   {Path: write(func(dir string) { save(t, filepath.Join(dir, "query.fbin"), [][]float32{{1, 2, 3}}) })},
		"of 1 queries":    {Path: write(func(dir string) { save(t, filepath.Join(dir, "gt.ibin"), [][]int32{make([]int32, 10)}) })},
		"recall needs 10": {Path: write(func(dir string) { save(t, filepath.Join(dir, "gt.ibin"), [][]int32{{1}, {2}}) })},
		"neighbour 300": {Path: write(func(dir string) {
			save(t, filepath.Join(dir, "gt.ibin"), [][]int32{make([]int32, 10), append(make([]int32, 9), 300)})
		})},
		"ROWSxDIMENSIONS": {Generate: "1000by3", Cache: t.TempDir()},
		"--cache":         {Generate: "1000x3"},
		"tell the format": {Path: filepath.Join(folder(t), "meta.json")},
		"unknown metric": {Path: write(func(dir string) {
			_ = os.WriteFile(filepath.Join(dir, "meta.json"), []byte(`{"metric":"hamming"}`), 0o600)
		})},
		"needs as many": {Path: folder(t), Limit: 5},
	} {
		o.Depth = 10
		if _, err := Load(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}

func TestGeneratedSetsAreTheSameEachTime(t *testing.T) {
	one, err := Load(t.Context(), Options{Generate: "6000x12", Cache: t.TempDir(), Depth: 10})
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	two, err := Load(t.Context(), Options{Generate: "6000x12", Cache: cache, Depth: 10})
	if err != nil || !slices.Equal(one.Base.Cells, two.Base.Cells) || !slices.Equal(one.Truth.Cells, two.Truth.Cells) {
		t.Fatalf("two are not alike: %v", err)
	}
	if one.Base.Rows != 6000 || one.Query.Rows != heldOut || slices.Equal(one.Base.Row(0), one.Query.Row(0)) || slices.Equal(one.Base.Row(0), one.Base.Row(stretch)) {
		t.Error("rows repeat, or are missing")
	}
	note := func(text string) { t.Errorf("again: %s", text) }
	whole, err := Load(t.Context(), Options{Path: filepath.Join(cache, "gen-6k-12"), Depth: 10, Note: note})
	if err != nil || !slices.Equal(whole.Truth.Cells, two.Truth.Cells) {
		t.Errorf("the folder that was made, with its truth: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(ended, Options{Generate: "9000x12", Cache: cache, Depth: 10}); err == nil {
		t.Error("generated although it was to end")
	}
	if _, err := Load(t.Context(), Options{Generate: "9000x12", Cache: cache, Depth: 10}); err != nil {
		t.Errorf("after one that was cut off: %v", err)
	}
}

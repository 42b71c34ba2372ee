package lsh

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/block"
)

const fuzzed = 100 // vectors, of four dimensions

// vectors are random rows.
func vectors(t testing.TB) *arena.Arena {
	t.Helper()
	rows := arena.New(arena.Options{RowBytes: 16})
	t.Cleanup(func() { rows.Close() })
	if err := rows.Pin(); err != nil {
		t.Fatal(err)
	}
	if err := rows.Grow(fuzzed); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range fuzzed {
		v := make([]float32, 4)
		for d := range v {
			v[d] = float32(rng.NormFloat64())
		}
		index.Float32.Encode(rows.Rows().Bytes(uint32(i)), v)
	}
	return rows
}

func filled(t testing.TB, rows *arena.Arena, o Options) *Index {
	t.Helper()
	x, err := New(rows, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	var all index.Builder
	for s := range index.Slot(fuzzed) {
		all.Add(s)
	}
	if err := x.Train(all.Done(), index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	for s := range index.Slot(fuzzed) {
		if err := x.Insert(s); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// plain is what a checkpoint has under its checksums.
func plain(t testing.TB, x *Index) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := x.Save(&file, index.Meta{High: fuzzed}); err != nil {
		t.Fatal(err)
	}
	r := block.NewReader(bytes.NewReader(file.Bytes()[headSize:]))
	var out []byte
	for b, err := r.ReadByte(); err == nil; b, err = r.ReadByte() {
		out = append(out, b)
	}
	return out
}

// checked is a checkpoint whose checksums are right, whatever it says.
func checked(t testing.TB, plain []byte) []byte {
	t.Helper()
	var file bytes.Buffer
	file.Write(binary.LittleEndian.AppendUint32([]byte(magic), version))
	w := block.NewWriter(&file)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// FuzzLoad reads checkpoints whose checksums are right, as a snapshot from
// elsewhere may have them. An index that loads can be searched and saved.
func FuzzLoad(f *testing.F) {
	rows, o := vectors(f), Options{Dim: 4, Metric: index.Euclid, Tables: 2, Seed: 3}
	f.Add(plain(f, filled(f, rows, o)))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, m, err := Load(bytes.NewReader(checked(t, b)), rows, o)
		if err != nil {
			return
		}
		defer x.Close()
		x.Stale()
		hits, _ := x.Search(index.Query{Vector: []float32{1, 2, 3, 4}, K: 10, Ef: 60}, nil)
		for _, h := range hits {
			if h.Slot >= fuzzed {
				t.Fatalf("slot %d", h.Slot)
			}
		}
		var again bytes.Buffer
		if err := x.Save(&again, m); err != nil {
			t.Fatal(err)
		}
		y, _, err := Load(&again, rows, o)
		if err != nil {
			t.Fatalf("saved again: %v", err)
		}
		y.Close()
	})
}

// A bucket may not name the slot just above the words of the members, and a file
// may not have tables for more vectors than there are.
func TestHostileCheckpointsAreRefused(t *testing.T) {
	rows, o := vectors(t), Options{Dim: 4, Metric: index.Euclid, Tables: 2, Seed: 3}
	good := plain(t, filled(t, rows, o))
	words := (fuzzed + wordBits - 1) / wordBits
	tables := binary.Size(header{}) + 4*o.Dim + words*wordBytes
	above := append(bytes.Clone(good[:tables]), 1) // a bucket of one
	above = binary.AppendUvarint(above, uint64(words*wordBits))
	wide := bytes.Clone(good)
	binary.LittleEndian.PutUint32(wide[20:], maxBits)
	for _, c := range []struct {
		bytes []byte
		says  string
	}{{above, "where at most"}, {wide, "bits"}} { // not later, by what else is wrong with them
		_, _, err := Load(bytes.NewReader(checked(t, c.bytes)), rows, o)
		if !errors.Is(err, block.ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("want %q: %v", c.says, err)
		}
	}
}

// headSize is what block.Open reads.
const headSize = len(magic) + 4

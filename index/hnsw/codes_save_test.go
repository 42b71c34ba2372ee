package hnsw

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
)

// A loaded graph goes by the codes and the sketches that were saved, to the bit, and
// none is made anew.
func TestCodesAreSavedAndLoaded(t *testing.T) {
	s := newFlat(t, 5000, 160, index.Euclid)
	g := s.sketched(t, false)
	e := (*index.Set)(nil).Edit()
	for i := range 5000 {
		if i != 17 && i != 18 && i != 4999 {
			e.Add(index.Slot(i))
		}
	}
	if n, err := g.Repair(e.Done(), index.Pace{}); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	want := index.Meta{High: 5000, Applied: 7, Effort: 60, Coding: "rotated 4"}
	var file bytes.Buffer
	if err := g.Save(&file, want); err != nil {
		t.Fatal(err)
	}
	again, meta, err := Load(bytes.NewReader(file.Bytes()), s.rows, g.o)
	if err != nil || meta != want {
		t.Fatalf("load: %+v, %v", meta, err)
	}
	defer again.Close()
	if again.Unsketched() != 0 || again.Code() == nil || again.Bytes() > g.Bytes() {
		t.Fatalf("%d slots unsketched, code %v, %d bytes of %d", again.Unsketched(), again.Code(), again.Bytes(), g.Bytes())
	}
	if !bytes.Equal(again.Code().AppendBinary(nil), g.Code().AppendBinary(nil)) {
		t.Error("another code")
	}
	s.checkSketches(t, again)
	for range 30 {
		q := index.Query{Vector: s.point(), K: 10, Ef: 40}
		a, workA := g.Search(q, nil)
		b, workB := again.Search(q, nil)
		if !slices.Equal(a, b) || workA != workB {
			t.Fatalf("the loaded graph answers %v at %v, was %v at %v", b, workB, a, workA)
		}
	}
	var second bytes.Buffer
	if err := again.Save(&second, want); err != nil || !bytes.Equal(file.Bytes(), second.Bytes()) {
		t.Errorf("a loaded graph is saved with other bytes (%v)", err)
	}
	if err := again.Insert(17); err != nil { // codes follow
		t.Fatal(err)
	}
	s.checkSketches(t, again)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 60 {
		bad := bytes.Clone(file.Bytes())
		if i%3 == 0 {
			bad = bad[:rng.IntN(len(bad))]
		} else {
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		}
		if h, _, err := Load(bytes.NewReader(bad), s.rows, g.o); err == nil {
			h.Close()
			t.Fatalf("round %d: damage was not found", i)
		}
	}
}

// Where vectors vary along too many axes a loaded graph knows that there are to be no
// sketches; a file without codes is written for older builds.
func TestWhatIsNotThereIsNotSaved(t *testing.T) {
	s := newSpace(t, 5000, 160, index.Euclid)
	s.mid = nil
	for i := range 5000 {
		for d := range s.rows.Rows().Floats(uint32(i)) {
			s.rows.Rows().Floats(uint32(i))[d] = float32(s.rng.NormFloat64())
		}
	}
	g := s.graph(t, 10)
	s.insertAll(t, g)
	var file bytes.Buffer
	if err := g.Save(&file, index.Meta{}); err != nil || file.Bytes()[8] != treeless {
		t.Fatalf("version %d, %v", file.Bytes()[8], err)
	}
	if err := g.Guide(s.affine(4), index.Pace{}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.SketchSome(1, index.Pace{}); err != nil || g.Sketchable() {
		t.Fatalf("vectors without axes have sketches, %v", err)
	}
	file.Reset()
	if err := g.Save(&file, index.Meta{}); err != nil || file.Bytes()[8] != version {
		t.Fatalf("version %d, %v", file.Bytes()[8], err)
	}
	again, _, err := Load(bytes.NewReader(file.Bytes()), s.rows, g.o)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Sketchable() || again.Code() == nil {
		t.Error("it would look for axes once more, or has no codes")
	}
}

// The sketches of version 4 are passed over: what is behind them is read.
func TestOldSketchesArePassedOver(t *testing.T) {
	g := newSpace(t, 30, 8, index.Euclid).graph(t, 10)
	if err := g.nodes.Grow(30); err != nil {
		t.Fatal(err)
	}
	for _, stored := range [][]byte{{noSketches}, {noAxes}, append([]byte{sketches, 20, 3, 1, 9, 0}, make([]byte, 3*288)...)} {
		var file bytes.Buffer
		w := block.NewWriter(&file)
		if _, err := w.Write(append(stored, 42)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b := block.NewReader(&file)
		if err := g.passSketches(b); err != nil {
			t.Fatal(err)
		}
		if n, err := b.Uvarint(100); n != 42 || err != nil {
			t.Errorf("behind sketches of kind %d: %d, %v", stored[0], n, err)
		}
	}
}

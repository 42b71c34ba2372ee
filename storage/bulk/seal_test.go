package bulk

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
)

func sealOf(slots *index.Set, size int) *Seal {
	s := &Seal{File: "3.123.rows", RowBytes: size, Applied: 99, Slots: slots}
	for slot := range slots.All() {
		s.Sums = append(s.Sums, Sum(row(slot, size)))
	}
	return s
}

func writeSeal(t *testing.T, s *Seal) (path string, raw []byte) {
	t.Helper()
	var out bytes.Buffer
	if err := s.Write(&out); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "3.seal")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, out.Bytes()
}

func TestSealIsReadAsWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, end := range []int{0, 1, 64, 65, 40_000, 700_000} {
		want := sealOf(some(end, rng), 24)
		path, _ := writeSeal(t, want)
		got, err := ReadSeal(path, 24)
		if err != nil {
			t.Fatal(err)
		}
		if got.File != want.File || got.Applied != 99 || got.RowBytes != 24 || got.End() != want.End() ||
			got.Slots.Len() != want.Slots.Len() || got.Slots.And(want.Slots).Len() != want.Slots.Len() || !slices.Equal(got.Sums, want.Sums) {
			t.Errorf("end %d: another seal", end)
		}
		if _, err := ReadSeal(path, 28); !errors.Is(err, block.ErrCorrupt) {
			t.Errorf("rows of another length: %v", err)
		}
	}
}

func TestDamagedSealsAreRefused(t *testing.T) {
	path, raw := writeSeal(t, sealOf(some(300, rand.New(rand.NewPCG(3, 4))), 24))
	refuse := func(what string, bad []byte, want error) {
		t.Helper()
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSeal(path, 24); !errors.Is(err, want) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for at := range raw {
		bad := bytes.Clone(raw)
		bad[at] ^= 1 << (at % 8)
		want := block.ErrCorrupt
		if at >= len(sealMagic) && at < len(sealMagic)+4 {
			want = ErrVersion
		}
		refuse("a flipped bit", bad, want)
		refuse("cut short", raw[:at], block.ErrCorrupt)
	}
	refuse("longer", append(bytes.Clone(raw), 0), block.ErrCorrupt)
}

func TestRowsAreReadInSteps(t *testing.T) {
	const size, end = 600, 9000
	var text []byte
	for s := range index.Slot(end) {
		text = append(text, row(s, size)...)
	}
	path := filepath.Join(t.TempDir(), "1.rows")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRows(path, size)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for from := index.Slot(0); from < end; from += index.Slot(r.Step()) {
		to := min(from+index.Slot(r.Step()), end)
		raw, err := r.Read(from, to)
		if err != nil || !bytes.Equal(raw, text[int(from)*size:int(to)*size]) {
			t.Fatalf("rows %d to %d are others, %v", from, to, err)
		}
	}
	if _, err := r.Read(0, index.Slot(r.Step())+1); err == nil {
		t.Error("more than a step was read")
	}
	if _, err := r.Read(index.Slot(r.Step())*8, index.Slot(r.Step())*8+1); err == nil {
		t.Error("rows behind the end were read")
	}
}

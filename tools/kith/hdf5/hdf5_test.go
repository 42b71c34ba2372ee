package hdf5

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func cells[T float32 | int32](t *testing.T, r io.Reader) []T {
	t.Helper()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]T, len(raw)/4)
	if _, err := binary.Decode(raw, binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// The files were written by h5py: testdata/make.py.
func TestBothFormsOfAFile(t *testing.T) {
	for name, distance := range map[string]string{"old.hdf5": "angular", "new.hdf5": "euclidean"} {
		f := open(t, name)
		if got, ok := f.Text("distance"); !ok || got != distance {
			t.Errorf("%s: distance %q, %v", name, got, ok)
		}
		if _, ok := f.Text("dimension"); ok {
			t.Errorf("%s: a number was taken for a text", name)
		}
		if want := []string{"bytes", "chunked", "neighbors", "test", "train", "wide"}; !slices.Equal(f.Names(), want) {
			t.Errorf("%s has %v", name, f.Names())
		}
		for _, c := range []struct {
			name  string
			kind  Kind
			dims  []int
			first []float32
		}{
			{"train", Float32, []int{20, 3}, []float32{-3, -2.75, -2.5}},
			{"test", Float64, []int{4, 3}, []float32{-2.75, -2.5, -2.25}},
			{"neighbors", Int32, []int{4, 2}, []float32{0, 1, 1}},
			{"bytes", Uint8, []int{2, 2}, []float32{1, 255, 3}},
			{"wide", Int64, []int{1, 2}, []float32{-5, 6}},
		} {
			d, err := f.Dataset(c.name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got := cells[float32](t, d.Floats())
			if d.Kind != c.kind || !slices.Equal(d.Dims, c.dims) || int64(len(got)) != d.Cells() || !slices.Equal(got[:len(c.first)], c.first) {
				t.Errorf("%s: %s is %s %v, %v", name, c.name, d.Kind, d.Dims, got)
			}
		}
		d, err := f.Dataset("wide")
		if err != nil {
			t.Fatal(err)
		}
		if got := cells[int32](t, d.Ints()); !slices.Equal(got, []int32{-5, 6}) {
			t.Errorf("%s: whole numbers %v", name, got)
		}
		for set, want := range map[string]string{"chunked": "h5repack", "absent": "the file has bytes"} {
			if _, err := f.Dataset(set); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v, want %q", name, set, err, want)
			}
		}
	}
}

func TestAGroupOfManyNodes(t *testing.T) {
	f := open(t, "many.hdf5")
	if len(f.Names()) != 40 {
		t.Fatalf("%d members", len(f.Names()))
	}
	for i := range 40 {
		d, err := f.Dataset(fmt.Sprintf("set-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if got := cells[float32](t, d.Floats()); !slices.Equal(got, []float32{float32(i), float32(i), float32(i), float32(i)}) {
			t.Errorf("set %d holds %v", i, got)
		}
	}
}

func TestWhatIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.hdf5")
	if err := os.WriteFile(path, []byte("no such thing, but long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "not an HDF5 file") {
		t.Errorf("%v", err)
	}
	whole, err := os.ReadFile(filepath.Join("testdata", "old.hdf5"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(bytes.NewReader(whole[:4000]), 4000)
	if err != nil {
		return // cut off before the root group's end: said so
	}
	if _, err := f.Dataset("wide"); err == nil {
		t.Error("a file that is cut off gives its last data set")
	}
}

// exercise reads all that a file says it has; it must end, without panic.
func exercise(in []byte) {
	f, err := New(bytes.NewReader(in), int64(len(in)))
	if err != nil {
		return
	}
	for _, name := range f.Names() {
		if d, err := f.Dataset(name); err == nil && d.Cells() < 1<<16 {
			_, _ = io.Copy(io.Discard, d.Floats())
		}
	}
}

// Every seventh byte of the small files is damaged in turn.
func TestDamageIsSurvived(t *testing.T) {
	for _, name := range []string{"old.hdf5", "new.hdf5"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(whole); i += 7 {
			was := whole[i]
			for _, v := range []byte{0xff, was + 1} {
				whole[i] = v
				exercise(whole)
			}
			whole[i] = was
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, name := range []string{"old.hdf5", "new.hdf5"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(whole)
	}
	f.Fuzz(func(_ *testing.T, in []byte) { exercise(in) })
}

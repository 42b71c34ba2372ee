package ivfpq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
	"github.com/kithdb/kith/index/simd"
)

// frames are the ways to look at vectors of 30 dimensions.
var frames = map[string]func(*Options){
	"turned":          func(o *Options) { o.Rotate = true },
	"14 axes":         func(o *Options) { o.Axes = 14 },
	"all axes":        func(o *Options) { o.Axes = o.Dim },
	"13 axes, a byte": func(o *Options) { o.Axes, o.CodeBytes = 13, 7 },
}

// Every metric and datatype against exact search, in every frame.
func TestRecallInFrames(t *testing.T) {
	for name, change := range frames {
		for _, d := range []index.Datatype{index.Float32, index.Uint8} {
			for _, m := range []index.Metric{index.Cosine, index.Dot, index.Euclid} {
				t.Run(fmt.Sprint(name, "/", m, "/", d), func(t *testing.T) {
					w := newWorld(t, shape{n: 2500, dim: 30, metric: m, datatype: d, seed: 1})
					o := w.options()
					change(&o)
					x := w.builtBy(t, o)
					if r := w.recall(x, index.Query{K: 10, Ef: 100}, 40); r < 0.93 {
						t.Errorf("recall %.3f", r)
					}
					if r := w.recall(x, index.Query{K: 10, Ef: w.n * 8}, 10); r < 1 {
						t.Errorf("recall %.3f of a search that measures everything", r)
					}
				})
			}
		}
	}
}

// Distances in a frame are those of the vectors, less what these have across the
// axes; along all axes, and turned alone, nothing is lost.
func TestFramesKeepDistances(t *testing.T) {
	w := newWorld(t, shape{n: 600, dim: 30, metric: index.Euclid, seed: 9})
	for name, change := range frames {
		o := w.options()
		change(&o)
		x := w.open(t, o)
		m, _ := x.learn(w.all(), index.NewCrew(index.Pace{}))
		spare := make([]float32, o.Dim)
		a, b := make([]float32, o.inner()), make([]float32, o.inner())
		for range 200 {
			v, u := w.point(), w.point()
			across, other := m.frame.lay(a, v, spare), m.frame.lay(b, u, spare)
			whole, within := float64(simd.L2(v, u)), float64(simd.L2(a, b))
			if within > whole*1.0001+1e-4 {
				t.Fatalf("%s: %v in the frame, %v outside", name, within, whole)
			}
			// The rests are as far apart as their lengths allow.
			most := math.Pow(math.Sqrt(float64(across))+math.Sqrt(float64(other)), 2)
			if rest := whole - within; rest > most*1.0001+1e-3 {
				t.Fatalf("%s: %v is missing, %v at most are across the axes", name, rest, most)
			}
			if o.inner() == o.Dim && across > 1e-3 {
				t.Fatalf("%s: %v across all axes", name, across)
			}
		}
	}
}

func TestSaveAndLoadFrames(t *testing.T) {
	w := newWorld(t, shape{n: 1500, dim: 30, metric: index.Euclid, seed: 3})
	files := map[string][]byte{}
	for name, change := range frames {
		o := w.options()
		change(&o)
		x := w.builtBy(t, o)
		file := saved(t, x, index.Meta{High: 1500})
		files[name] = file
		y, _, err := Load(bytes.NewReader(file), w.rows, o)
		if err != nil {
			t.Fatal(name, err)
		}
		for range 20 {
			q := index.Query{Vector: w.point(), K: 10, Ef: 40}
			a, _ := x.Search(q, nil)
			if b, _ := y.Search(q, nil); !slices.Equal(a, b) {
				t.Fatalf("%s: %v, and once loaded %v", name, a, b)
			}
		}
		if again := saved(t, y, index.Meta{High: 1500}); !bytes.Equal(again, file) {
			t.Error(name, "what is loaded is saved otherwise")
		}
		y.Close()
	}
	for name, file := range files {
		for other, change := range frames {
			o := w.options()
			change(&o)
			if _, _, err := Load(bytes.NewReader(file), w.rows, o); (err == nil) != (name == other) || err != nil && !errors.Is(err, ErrSettings) {
				t.Errorf("%s read as %s: %v", name, other, err)
			}
		}
		if _, _, err := Load(bytes.NewReader(file), w.rows, w.options()); !errors.Is(err, ErrSettings) {
			t.Errorf("%s read without a frame: %v", name, err)
		}
	}
}

// A file of version 1 is one without a frame, and opens as such.
func TestVersion1(t *testing.T) {
	w := newWorld(t, shape{n: 1200, dim: 10, metric: index.Dot, seed: 3})
	x := w.built(t)
	now := saved(t, x, index.Meta{High: 1200})
	r := block.NewReader(bytes.NewReader(now[headSize:]))
	var plain []byte
	for b, err := r.ReadByte(); err == nil; b, err = r.ReadByte() {
		plain = append(plain, b)
	}
	at := binary.Size(header{})
	plain = slices.Delete(plain, at, at+binary.Size(framed{}))
	var file bytes.Buffer
	file.Write(binary.LittleEndian.AppendUint32([]byte(magic), 1))
	out := block.NewWriter(&file)
	if _, err := out.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	turned := w.options()
	turned.Rotate = true
	if _, _, err := Load(bytes.NewReader(file.Bytes()), w.rows, turned); !errors.Is(err, ErrSettings) {
		t.Errorf("read as turned: %v", err)
	}
	y, _, err := Load(&file, w.rows, w.options())
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	q := index.Query{Vector: w.point(), K: 10, Ef: 40}
	a, _ := x.Search(q, nil)
	if b, _ := y.Search(q, nil); !slices.Equal(a, b) {
		t.Errorf("%v, and of version 1 %v", a, b)
	}
}

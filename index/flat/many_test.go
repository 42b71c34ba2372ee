package flat_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/flat"
	"pgregory.net/rapid"
)

// Many queries at once find what each finds alone, whatever the rows are.
func TestManyAgreesWithRange(t *testing.T) {
	const n = 9000
	for _, dim := range []int{3, 784} { // a tile of 256 rows, and one of 41
		rows := rowsOf(t, n, dim, 5)
		rapid.Check(t, func(t *rapid.T) {
			from := rapid.IntRange(0, n).Draw(t, "from")
			to := rapid.IntRange(from, n+100).Draw(t, "to")
			every := rapid.IntRange(1, 100).Draw(t, "every")
			var slots []uint32
			for id := uint32(0); id < n; id += uint32(every) {
				slots = append(slots, id)
			}
			m := flat.Many{K: rapid.IntRange(0, 120).Draw(t, "k"), Accept: setOf(slots)}
			for range rapid.IntRange(0, 5).Draw(t, "queries") {
				m.Vectors = append(m.Vectors, rows.Floats(rapid.Uint32Range(0, n-1).Draw(t, "query")))
			}
			if step := rapid.IntRange(0, 3000).Draw(t, "step"); step > 0 { // rows of a file, which cannot always be read
				m.Step, m.Read = step, func(from, to index.Slot) ([]byte, error) {
					if int(from)%step != 0 || int(to-from) > step {
						t.Fatalf("rows %d to %d in steps of %d", from, to, step)
					}
					if from%3 == 1 {
						return nil, errors.New("not readable")
					}
					return bytes.Clone(rows.All()[int(from)*rows.Stride() : int(to)*rows.Stride()]), nil
				}
			}
			space := index.Space{Metric: rapid.SampledFrom([]index.Metric{index.Dot, index.Euclid}).Draw(t, "metric")}
			got := m.Range(space, rows, index.Slot(from), index.Slot(to))
			if len(got) != len(m.Vectors) {
				t.Fatalf("%d answers to %d queries", len(got), len(m.Vectors))
			}
			for i, v := range m.Vectors {
				q := index.Query{Vector: v, K: m.K, Accept: m.Accept}
				want, _ := flat.Range(q, space, rows, index.Slot(from), index.Slot(to), nil)
				if !slices.Equal(got[i], want) {
					t.Fatalf("query %d: %v\nwant %v", i, got[i], want)
				}
			}
		})
	}
}

// Between some hundred rows a pass asks whether it is to go on.
func TestManyEndsWhenTold(t *testing.T) {
	const n = 9000
	rows := rowsOf(t, n, 8, 50)
	all := make([]uint32, n)
	for i := range all {
		all[i] = uint32(i)
	}
	asked := 0
	m := flat.Many{Vectors: [][]float32{rows.Floats(1)}, K: n, Accept: setOf(all), Goes: func() bool {
		asked++
		return asked < 3
	}}
	if got := m.Range(index.Space{Metric: index.Dot}, rows, 0, n); len(got[0]) != 512 {
		t.Errorf("%d rows were compared before the third question, want 512", len(got[0]))
	}
}

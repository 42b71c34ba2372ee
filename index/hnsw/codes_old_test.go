package hnsw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

// apartHeads is a code as builds had it that wrote version 5: its rows are as much
// longer as a head.
type apartHeads struct{ *quant.Affine }

func (c apartHeads) RowBytes() int { return c.Affine.RowBytes() + simd.CodeHead }

// A graph of version 5 is read without its codes where a head is in them now,
// and goes by new ones; in a file of this version such rows are damage.
func TestOldCodesArePassedOver(t *testing.T) {
	s := newFlat(t, 5000, 256, index.Euclid)
	g := s.sketched(t, false)
	code := g.Code().(*quant.Affine)
	now := g.guide.Load()
	if err := g.Guide(apartHeads{code}, index.Pace{}); err != nil {
		t.Fatal(err)
	}
	for _, sketches := range []*sketch{nil, now.sketch} {
		g.guide.Load().sketch = sketches
		var file bytes.Buffer
		if err := g.Save(&file, index.Meta{High: 5000, Coding: "rotated 4"}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Load(bytes.NewReader(file.Bytes()), s.rows, g.o); !errors.Is(err, block.ErrCorrupt) {
			t.Fatalf("rows of another length: %v", err)
		}
		old := file.Bytes()
		old[8] = headed
		binary.LittleEndian.PutUint32(old[headerSize-4:], block.Checksum(old[:headerSize-4]))
		again, meta, err := Load(bytes.NewReader(old), s.rows, g.o)
		if err != nil {
			t.Fatal(err)
		}
		if meta.Coding != "" || again.Code() != nil || again.Len() != g.Len() {
			t.Errorf("read codes of %q, %d nodes of %d", meta.Coding, again.Len(), g.Len())
		}
		if err := errors.Join(again.Guide(code, index.Pace{}), again.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

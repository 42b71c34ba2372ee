package hnsw

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/block"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

const (
	// mostCode bounds a stored code: product codes and axes of long vectors come to
	// megabytes.
	mostCode = 1 << 30
	// mostCoding bounds what a code is called.
	mostCoding = 1 << 10
)

// saveCodes writes the codes that walks go by, and the sketches, so that a start
// need not read every vector. The form is in docs/formats.md.
func (g *Graph) saveCodes(b *block.Writer, by *guide, coding string) error {
	stored := by.code.AppendBinary(nil)
	buf := binary.AppendUvarint(nil, uint64(len(coding)))
	buf = append(buf, coding...)
	buf = binary.AppendUvarint(buf, uint64(len(stored)))
	buf = append(buf, stored...)
	buf = binary.AppendUvarint(buf, uint64(by.code.RowBytes()))
	rows := by.rows.Rows()
	for s := range uint32(g.nodes.Rows().Len()) {
		if g.levels(s) == 0 {
			continue
		}
		if buf = append(buf, rows.Bytes(s)...); len(buf) >= block.Size {
			if _, err := b.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	if _, err := b.Write(buf); err != nil {
		return err
	}
	return by.sketch.save(b)
}

// What is there of sketches.
const (
	noSketches = iota
	sketches
	noAxes // the vectors vary along too many axes
)

// save writes the sketches that there are, block by block.
func (x *sketch) save(b *block.Writer) error {
	if x == nil || x.code == nil {
		kind := byte(noSketches)
		if x != nil {
			kind = noAxes
		}
		_, err := b.Write([]byte{kind})
		return err
	}
	rows, next, end := x.blocks()
	stored := x.code.AppendBinary(nil)
	buf := binary.AppendUvarint([]byte{sketches}, uint64(end))
	buf = binary.AppendUvarint(buf, uint64(len(stored)))
	buf = append(buf, stored...)
	if _, err := b.Write(buf); err != nil {
		return err
	}
	for i := range blocksOf(end) {
		if _, err := b.Write(rows.Bytes(uint32(i))); err != nil {
			return err
		}
	}
	for s := range end {
		if _, err := b.Write(next.Bytes(uint32(s))); err != nil {
			return err
		}
	}
	return nil
}

// blocksOf is how many blocks so many sketches take.
func blocksOf(sketches int) int { return (sketches + simd.SketchRows - 1) / simd.SketchRows }

// readCodes reads what saveCodes of a version, saved, wrote, and has walks go by it.
func (g *Graph) readCodes(b *block.Reader, saved uint32) (coding string, err error) {
	name, err := b.Uvarint(mostCoding)
	if err != nil {
		return "", err
	}
	raw, err := b.Next(int(name))
	if err != nil {
		return "", err
	}
	coding = string(raw)
	code, err := readStored(b)
	if err != nil {
		return "", err
	}
	size, err := b.Uvarint(mostCode)
	if err != nil {
		return "", err
	}
	if saved <= headed && int(size) == code.RowBytes()+simd.CodeHead {
		return "", g.passCodes(b, int(size), saved)
	}
	if int(size) != code.RowBytes() || !quant.Suits(code, g.o.space(), g.o.Dim) {
		return "", fmt.Errorf("%w: codes of %d bytes of other vectors", block.ErrCorrupt, size)
	}
	by := &guide{code: code, rows: arena.New(arena.Options{RowBytes: int(size)})}
	g.guide.Store(by) // Close frees what was read
	if err := by.rows.Pin(); err != nil {
		return "", err
	}
	slots := g.nodes.Rows().Len()
	if err := by.rows.Grow(slots); err != nil {
		return "", err
	}
	rows := by.rows.Rows()
	for s := range uint32(slots) {
		if g.levels(s) == 0 {
			continue
		}
		if raw, err = b.Next(int(size)); err != nil {
			return "", err
		}
		copy(rows.Bytes(s), raw)
	}
	if saved == oneRowed {
		return coding, g.passSketches(b)
	}
	by.sketch, err = g.readSketches(b)
	return coding, err
}

// passCodes reads past the codes of a version whose heads were apart, and past what
// is behind them: the code is made anew.
func (g *Graph) passCodes(b *block.Reader, size int, saved uint32) error {
	for s := range uint32(g.nodes.Rows().Len()) {
		if g.levels(s) == 0 {
			continue
		}
		if _, err := b.Next(size); err != nil {
			return err
		}
	}
	if saved <= oneRowed {
		return g.passSketches(b)
	}
	x, err := g.readSketches(b)
	return errors.Join(err, x.close())
}

// readStored reads the code itself.
func readStored(b *block.Reader) (quant.Code, error) {
	n, err := b.Uvarint(mostCode)
	if err != nil {
		return nil, err
	}
	raw, err := b.Next(int(n))
	if err != nil {
		return nil, err
	}
	code, err := quant.Open(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", block.ErrCorrupt, err)
	}
	return code, nil
}

// readSketches reads the sketches; nil when there are none.
func (g *Graph) readSketches(b *block.Reader) (*sketch, error) {
	kind, err := b.Uvarint(noAxes)
	switch {
	case err != nil || kind == noSketches:
		return nil, err
	case kind == noAxes:
		return emptySketch(nil), nil
	}
	end, err := b.Uvarint(uint64(g.nodes.Rows().Len()))
	if err != nil {
		return nil, err
	}
	n, err := b.Uvarint(mostCode)
	if err != nil {
		return nil, err
	}
	raw, err := b.Next(int(n))
	if err != nil {
		return nil, err
	}
	code, err := quant.OpenSketch(raw, g.o.Metric, g.o.Dim)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", block.ErrCorrupt, err)
	}
	x := emptySketch(code)
	if err := errors.Join(x.pin(), x.grow(int(end))); err != nil {
		return x, err
	}
	if err := readRows(b, x.rows.Rows(), blocksOf(int(end))); err != nil {
		return x, err
	}
	if err := readRows(b, x.next.Rows(), int(end)); err != nil {
		return x, err
	}
	x.filled.Store(uint32(end))
	return x, nil
}

// readRows fills the first rows of an arena.
func readRows(b *block.Reader, rows arena.Rows, n int) error {
	for i := range n {
		raw, err := b.Next(rows.Stride())
		if err != nil {
			return err
		}
		copy(rows.Bytes(uint32(i)), raw)
	}
	return nil
}

// passSketches reads past the sketches of version 4.
func (g *Graph) passSketches(b *block.Reader) error {
	const blockBytes = 288
	kind, err := b.Uvarint(noAxes)
	if err != nil || kind != sketches {
		return err
	}
	end, err := b.Uvarint(uint64(g.nodes.Rows().Len()))
	if err != nil {
		return err
	}
	n, err := b.Uvarint(mostCode)
	if err != nil {
		return err
	}
	if _, err := b.Next(int(n)); err != nil {
		return err
	}
	for range blocksOf(int(end)) {
		if _, err := b.Next(blockBytes); err != nil {
			return err
		}
	}
	return nil
}

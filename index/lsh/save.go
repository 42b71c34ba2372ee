package lsh

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/block"
)

var (
	// ErrVersion: a checkpoint of a version that this build does not know.
	ErrVersion = errors.New("unknown version of the lsh checkpoint")
	// ErrSettings: a checkpoint of other settings than asked for.
	ErrSettings = errors.New("lsh checkpoint has other settings")
)

// The form is in docs/formats.md.
const (
	magic   = block.LSH
	version = 1
)

// header is the first of what is under checksums, little-endian in this order.
type header struct {
	Metric, Type, Dim, Tables, Asked, Bits uint32 // Asked: Options.Bits
	Seed, Applied                          uint64
	High, Effort, Count, Words             uint32 // Words: of the members
	Radius                                 float32
}

func (x *Index) header(h *hasher, m index.Meta) header {
	return header{
		Metric: uint32(x.o.Metric), Type: uint32(max(x.o.Datatype, index.Float32)), Dim: uint32(x.o.Dim),
		Tables: uint32(x.o.Tables), Asked: uint32(x.o.Bits), Bits: uint32(h.bits), Seed: x.o.Seed, Applied: m.Applied,
		High: uint32(m.High), Effort: uint32(m.Effort), Count: uint32(x.Len()), Words: uint32(x.members.Rows().Len()),
		Radius: h.radius,
	}
}

// Save writes the index, which is trained. Not beside Insert or Repair.
func (x *Index) Save(w io.Writer, m index.Meta) error {
	h := x.hash.Load()
	if h == nil {
		return errors.New("bug: an index that is not trained has no checkpoint")
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint32([]byte(magic), version)); err != nil {
		return err
	}
	out := block.NewWriter(w)
	head := x.header(h, m)
	if err := binary.Write(out, binary.LittleEndian, &head); err != nil {
		return err
	}
	if err := binary.Write(out, binary.LittleEndian, h.mean); err != nil {
		return err
	}
	rows := x.members.Rows()
	buf := make([]byte, 0, 1<<12)
	for at := range head.Words {
		buf = binary.LittleEndian.AppendUint64(buf[:0], *word(rows, at))
		if _, err := out.Write(buf); err != nil {
			return err
		}
	}
	var slots []uint32
	for bucket := range uint32(x.tables.heads.Rows().Len()) {
		slots = x.tables.slots(slots[:0], bucket)
		if _, err := out.Write(appendBucket(buf[:0], slots)); err != nil {
			return err
		}
	}
	return out.Close()
}

// appendBucket writes a bucket: the number of slots, then each as its distance
// to the one before, in rising order.
func appendBucket(dst []byte, slots []uint32) []byte {
	slices.Sort(slots)
	dst = binary.AppendUvarint(dst, uint64(len(slots)))
	last := uint32(0)
	for _, s := range slots {
		dst = binary.AppendUvarint(dst, uint64(s-last))
		last = s
	}
	return dst
}

// Load reads an index that Save wrote, over the same vectors and with the same
// settings. Every checksum and every slot is checked: a damaged file gives
// block.ErrCorrupt, never an index that could lead a search astray.
func Load(r io.Reader, vectors *arena.Arena, o Options) (*Index, index.Meta, error) {
	x, err := New(vectors, o)
	if err != nil {
		return nil, index.Meta{}, err
	}
	m, err := x.read(r)
	if err != nil {
		return nil, index.Meta{}, errors.Join(err, x.Close())
	}
	return x, m, nil
}

func (x *Index) read(r io.Reader) (m index.Meta, err error) {
	v, err := block.Open(r, magic)
	if err != nil {
		return m, err
	}
	if v != version {
		return m, fmt.Errorf("%w: %d, this build knows %d", ErrVersion, v, version)
	}
	in := block.NewReader(r)
	var h header
	if err := fixed(in, &h); err != nil {
		return m, err
	}
	f := frame{mean: make([]float32, x.o.Dim), radius: h.Radius, bits: int(h.Bits)}
	if err := x.fits(&h); err != nil {
		return m, err
	}
	if err := fixed(in, f.mean); err != nil {
		return m, err
	}
	if err := x.settle(f); err != nil {
		return m, err
	}
	if err := x.readMembers(in, &h); err != nil {
		return m, err
	}
	if err := x.readTables(in); err != nil {
		return m, err
	}
	return index.Meta{High: index.Slot(h.High), Applied: h.Applied, Effort: int(h.Effort)}, in.End()
}

// fixed reads what has a size of its own.
func fixed(in *block.Reader, to any) error {
	raw, err := in.Next(binary.Size(to))
	if err != nil {
		return err
	}
	_, err = binary.Decode(raw, binary.LittleEndian, to)
	return err
}

func (x *Index) fits(h *header) error {
	want := x.header(&hasher{}, index.Meta{})
	radius := float64(h.Radius)
	switch {
	case h.Metric != want.Metric || h.Type != want.Type || h.Dim != want.Dim || h.Tables != want.Tables || h.Asked != want.Asked || h.Seed != want.Seed:
		return fmt.Errorf("%w: %+v", ErrSettings, *h)
	case h.Bits < 1 || int(h.Bits) > x.mostBits() || !(radius > 0) || math.IsInf(radius, 0):
		return fmt.Errorf("%w: %d bits, a radius of %g", block.ErrCorrupt, h.Bits, radius)
	case int64(h.Words) > int64(x.vectors.Rows().Len()+wordBits-1)/wordBits:
		return fmt.Errorf("%w: it has %d slots, there are %d vectors", block.ErrCorrupt, h.Words*wordBits, x.vectors.Rows().Len())
	}
	return nil
}

// mostBits is the most bits that training can have come to: a file must not make
// tables for vectors that are not there.
func (x *Index) mostBits() int {
	most := x.o.Bits
	if most == 0 {
		most = bitsFor(x.vectors.Rows().Len())
	}
	return min(most, maxDigits*mostBits(x.o.Dim))
}

func (x *Index) readMembers(in *block.Reader, h *header) error {
	if err := x.members.Grow(int(h.Words)); err != nil {
		return err
	}
	rows, vectors := x.members.Rows(), uint32(x.vectors.Rows().Len())
	for at := range h.Words {
		raw, err := in.Next(wordBytes)
		if err != nil {
			return err
		}
		*word(rows, at) = binary.LittleEndian.Uint64(raw)
	}
	n := uint32(0)
	for s := range h.Words * wordBits {
		if member(rows, s) {
			if n++; s >= vectors {
				return fmt.Errorf("%w: slot %d, there are %d vectors", block.ErrCorrupt, s, vectors)
			}
		}
	}
	if n != h.Count {
		return fmt.Errorf("%w: %d slots, the header says %d", block.ErrCorrupt, n, h.Count)
	}
	x.count.Store(int64(n))
	return nil
}

// readTables reads the buckets and checks L1: every slot is in one bucket of
// each table.
func (x *Index) readTables(in *block.Reader) error {
	seen := make([]uint16, x.members.Rows().Len()*wordBits)
	var slots []uint32
	for t := range x.o.Tables {
		left := x.Len()
		for b := range uint32(1) << x.tables.bits {
			n, err := in.Uvarint(uint64(left))
			if err != nil {
				return err
			}
			left -= int(n)
			if slots, err = x.readBucket(in, slots[:0], int(n)); err != nil {
				return err
			}
			for _, s := range slots {
				if int(seen[s]) != t {
					return fmt.Errorf("%w: slot %d is in two buckets of a table", block.ErrCorrupt, s)
				}
				seen[s]++
			}
			if err := x.tables.set(x.tables.bucketOf(t, b), slots); err != nil {
				return err
			}
		}
		if left > 0 {
			return fmt.Errorf("%w: %d slots are in no bucket of a table", block.ErrCorrupt, left)
		}
	}
	return nil
}

func (x *Index) readBucket(in *block.Reader, slots []uint32, n int) ([]uint32, error) {
	rows := x.members.Rows()
	last := uint64(0)
	for range n {
		step, err := in.Uvarint(uint64(rows.Len()*wordBits) - 1 - last)
		if err != nil {
			return nil, err
		}
		if last += step; !member(rows, uint32(last)) {
			return nil, fmt.Errorf("%w: slot %d is in a bucket and not in the index", block.ErrCorrupt, last)
		}
		slots = append(slots, uint32(last))
	}
	return slots, nil
}

package ivfpq

import (
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
)

var (
	// ErrVersion: a checkpoint of a version that this build does not know.
	ErrVersion = errors.New("unknown version of the ivfpq checkpoint")
	// ErrSettings: a checkpoint of other settings than asked for.
	ErrSettings = errors.New("ivfpq checkpoint has other settings")
)

// The form is in docs/formats.md.
const (
	magic = block.IVFPQ
	// version 1 had vectors as they are, and no frame.
	version = 2
)

// header is the first of what is under checksums, little-endian in this order.
type header struct {
	Metric, Type, Dim, Subs, Asked uint32 // Asked: Options.Lists
	Lists, Groups, Waiting, Count  uint32 // Lists 0: not trained
	High, Effort                   uint32
	Seed, Applied                  uint64
	Points, Came                   uint64 // vectors at training and since
	Spread, Imbalance, Sum         float64
}

// framed is what a header has behind it since version 2.
type framed struct {
	Axes   uint32 // 0: all dimensions
	Turned uint32 // 1: before they are coded
}

func (x *Index) framed() framed {
	f := framed{Axes: uint32(x.o.Axes)}
	if x.o.turned() {
		f.Turned = 1
	}
	return f
}

func (x *Index) header(g *generation, m index.Meta) header {
	h := header{
		Metric: uint32(x.o.Metric), Type: uint32(max(x.o.Datatype, index.Float32)), Dim: uint32(x.o.Dim),
		Subs: uint32(x.o.subs()), Asked: uint32(x.o.Lists), Waiting: uint32(len(g.waits())), Count: uint32(x.Len()),
		High: uint32(m.High), Effort: uint32(m.Effort), Seed: x.o.Seed, Applied: m.Applied,
		Points: uint64(g.drift.points), Came: uint64(g.drift.came),
		Spread: g.drift.spread, Imbalance: g.drift.imbalance, Sum: g.drift.sum,
	}
	if g.model != nil {
		h.Lists, h.Groups = uint32(len(g.lists)), uint32(g.model.coarse.tops.len())
	}
	return h
}

// Save writes the index, whose lists are put in order first. An Insert waits;
// searches go on.
func (x *Index) Save(w io.Writer, m index.Meta) error {
	x.build.Lock()
	defer x.build.Unlock()
	if err := x.tidy(); err != nil {
		return err
	}
	g := x.now.Load()
	if _, err := w.Write(binary.LittleEndian.AppendUint32([]byte(magic), version)); err != nil {
		return err
	}
	out := block.NewWriter(w)
	h, f := x.header(g, m), x.framed()
	for _, part := range []any{&h, &f, g.waits()} {
		if err := binary.Write(out, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	if err := g.save(out); err != nil {
		return err
	}
	return out.Close()
}

// save writes the model and the lists.
func (g *generation) save(out *block.Writer) error {
	if g.model == nil {
		return nil
	}
	for _, part := range []any{g.model.frame.mean, g.model.frame.axes, g.model.coarse.first, g.model.mean, g.model.codes.books} {
		if err := binary.Write(out, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	for i := range g.lists {
		if err := binary.Write(out, binary.LittleEndian, g.model.coarse.centroids.row(i)); err != nil {
			return err
		}
	}
	buf := make([]byte, 0, 1<<12)
	e := entry{codes: make([]uint8, g.blocks.subs)}
	for i := range g.lists {
		numbers, n := g.lists[i].entries()
		buf = binary.LittleEndian.AppendUint32(buf[:0], uint32(n))
		for at := range n {
			g.blocks.get(numbers[at/blockSize], at%blockSize, &e)
			if buf = appendEntry(buf, &e); len(buf) > 1<<16 {
				if _, err := out.Write(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
		}
		if _, err := out.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// entryBytes is the size of a saved entry.
func entryBytes(subs int) int { return 12 + subs/2 }

// appendEntry writes slot, add, mul, and two codes a byte, the first one low.
func appendEntry(dst []byte, e *entry) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, e.slot)
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(e.add))
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(e.mul))
	for sub := 0; sub < len(e.codes); sub += 2 {
		dst = append(dst, e.codes[sub]|e.codes[sub+1]<<4)
	}
	return dst
}

// takeEntry reads what appendEntry wrote.
func takeEntry(raw []byte, e *entry) {
	e.slot = binary.LittleEndian.Uint32(raw)
	e.add = math.Float32frombits(binary.LittleEndian.Uint32(raw[4:]))
	e.mul = math.Float32frombits(binary.LittleEndian.Uint32(raw[8:]))
	for i, b := range raw[12 : 12+len(e.codes)/2] {
		e.codes[2*i], e.codes[2*i+1] = b&15, b>>4
	}
}

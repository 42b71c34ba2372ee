package shard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/index/quant"
)

const (
	// leastTrained is how many vectors a code is worth training for.
	leastTrained = 1024
	// mostTrained is how many vectors it is trained on.
	mostTrained = quant.MaxReducedSamples
	// codeShare: a code is trained anew once there are so many times the vectors
	// that it saw.
	codeShare = 8
)

// guide has the searches of an index go by the code that the settings ask for:
// the saved one, or one that is trained on a sample. Until then, and where there
// are few vectors, they go by the vectors. Where there is no memory for the codes
// searches go on by what they go by: ErrMemory. build must be held.
func (s *Shard) guide(f *fieldState, g *indexed) error {
	to, ok := g.graph.(quant.Guided)
	if !ok {
		return nil
	}
	want, n := f.coding(), f.has.Len()
	if f.filed.mended.Swap(false) {
		g.goesBy.Store(nil)
	}
	switch {
	case want == coding{} && g.coding() == want:
		return nil
	case want == coding{}:
		f.again.Store(true)
		err := to.Guide(nil, index.Pace{})
		g.goesBy.Store(nil)
		return errors.Join(err, s.removeCode(f.field))
	case n < leastTrained, g.coding() == want && n < codeShare*g.coded:
		return nil
	case g.coding() == want && s.codeRoom(f, g, to.Code()) != nil:
		return nil // one of fewer vectors serves until there is room for two
	}
	code, fault := s.readCode(f)
	if code == nil || g.coding() == want {
		if fault != nil {
			s.log.Warn("saved code not usable; it is trained anew", "file", s.codePath(f.field), "error", fault)
		}
		var err error
		if code, err = s.trainCode(f); err != nil {
			return err
		}
		f.again.Store(true) // the breadth was measured by what searches went by so far
	}
	if err := s.codeRoom(f, g, code); err != nil {
		return err // the code is saved, and not trained again
	}
	if err := to.Guide(code, s.pace()); err != nil {
		return err // index.ErrStopped: the next start begins anew
	}
	g.coded, g.changed = n, true // a checkpoint has codes
	g.goesBy.Store(&want)
	return nil
}

// coding is the one that an index's searches go by.
func (g *indexed) coding() coding {
	if c := g.goesBy.Load(); c != nil {
		return *c
	}
	return coding{}
}

// uncoded says whether searches are to go by another code than they do.
func (f *fieldState) uncoded(g *indexed) bool {
	if _, ok := g.graph.(quant.Guided); !ok || !f.kind.Wanted(f.settings) {
		return false
	}
	want := f.coding()
	return g.coding() != want && (want == coding{} || f.has.Len() >= leastTrained)
}

// keepLoaded is keepCode for the index of a checkpoint, if there is one.
func (f *fieldState) keepLoaded() error {
	if g := f.graph.Load(); g != nil {
		return f.keepCode(g)
	}
	return nil
}

// keepCode has searches go by the code of the checkpoint where that is the one that
// the settings ask for, and by none where it is not. Before anyone searches.
func (f *fieldState) keepCode(g *indexed) error {
	graph, ok := g.graph.(*hnsw.Graph)
	if !ok || graph.Code() == nil {
		return nil
	}
	if want := f.coding(); want != (coding{}) && g.loaded == want.String() && f.suits(graph.Code()) {
		g.coded = f.has.Len()
		g.goesBy.Store(&want)
		return nil
	}
	return graph.Guide(nil, index.Pace{})
}

// trainCode makes a code and saves it. index.ErrStopped: the node or the shard stops.
func (s *Shard) trainCode(f *fieldState) (code quant.Code, err error) {
	j := s.resume(Training, f.conf.Name)
	defer func() { s.finish(j, err) }()
	ranks := spread(f.has.Len(), mostTrained)
	samples := make([]float32, len(ranks)*f.conf.Size)
	for i, slot := range f.has.At(ranks, nil) {
		f.conf.Datatype.Decode(samples[i*f.conf.Size:(i+1)*f.conf.Size], f.data.Bytes(uint32(slot)))
	}
	if code, err = f.train(samples, s.pace()); err != nil {
		return nil, err
	}
	return code, s.writeCode(f, code)
}

// codePath is where a field's code is saved, beside its graph.
func (s *Shard) codePath(f *field) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d.code", f.number))
}

const codeMagic = "KITHCODE\x01" // the last byte is the version

// writeCode saves a code. The form is in docs/formats.md.
func (s *Shard) writeCode(f *fieldState, code quant.Code) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	what := f.coding().String()
	return writeFile(s.codePath(f.field), func(w *os.File) error {
		if _, err := io.WriteString(w, codeMagic); err != nil {
			return err
		}
		out := block.NewWriter(w)
		head := append([]byte{byte(len(what))}, what...)
		if _, err := out.Write(code.AppendBinary(head)); err != nil {
			return err
		}
		return out.Close()
	})
}

// readCode is the saved code, nil when there is none that fits.
func (s *Shard) readCode(f *fieldState) (quant.Code, error) {
	r, err := os.Open(s.codePath(f.field))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	magic := make([]byte, len(codeMagic))
	if _, err := io.ReadFull(r, magic); err != nil || !bytes.Equal(magic, []byte(codeMagic)) {
		return nil, fmt.Errorf("%w: it does not begin with %q", block.ErrCorrupt, codeMagic)
	}
	raw, err := block.NewReader(r).All()
	if err != nil {
		return nil, err
	}
	what, stored, ok := cutHead(raw)
	if !ok || what != f.coding().String() {
		return nil, nil // of settings that were
	}
	code, err := quant.Open(stored)
	if err != nil {
		return nil, err
	}
	if !f.suits(code) {
		return nil, errors.New("it is of other vectors")
	}
	return code, nil
}

// cutHead splits what a code is of from the code.
func cutHead(raw []byte) (what string, stored []byte, ok bool) {
	if len(raw) < 1 || len(raw) < 1+int(raw[0]) {
		return "", nil, false
	}
	return string(raw[1 : 1+raw[0]]), raw[1+raw[0]:], true
}

func (s *Shard) removeCode(f *field) error {
	if err := os.Remove(s.codePath(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

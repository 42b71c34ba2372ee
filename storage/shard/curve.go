package shard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kithdb/kith/index/recall"
)

// curveVersion is that of the file's form (docs/formats.md).
const curveVersion = 2 // 1 was of stored vectors that found themselves

type curveFile struct {
	Version int `json:"version"`
	recall.Curve
}

// curvePath is where a field's recall is kept beside its graph.
func (s *Shard) curvePath(f *field) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d.recall", f.number))
}

// saveCurve keeps what was measured since the last save. build must be held.
func (s *Shard) saveCurve(f *field) error {
	c := f.curve.Load()
	if c == nil || c == f.kept {
		return nil
	}
	text, err := json.Marshal(curveFile{curveVersion, *c})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	path := s.curvePath(f)
	if err := writeFile(path, func(w *os.File) error { _, err := w.Write(text); return err }); err != nil {
		return fmt.Errorf("keep the recall of vector %q in %s: %w", f.conf.Name, path, err)
	}
	f.kept = c
	return nil
}

// loadCurve takes over what was measured on the graph that was loaded. A file
// that does not fit is left aside: recall is measured again.
func (s *Shard) loadCurve(f *field) {
	path := s.curvePath(f)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var file curveFile
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	switch {
	case err == nil && file.Version != curveVersion:
		err = fmt.Errorf("version %d is not known", file.Version)
	case err == nil:
		err = file.Check()
	}
	if err != nil {
		s.log.Warn("measured recall not usable; it is measured again", "file", path, "error", err)
		return
	}
	c := file.Curve
	f.publish(&c)
	f.kept = &c
}

// files are a field's files that checkpoints leave.
func (s *Shard) files(f *field) []string {
	return []string{s.graphPath(f), s.curvePath(f), s.imagePath(f), s.sealPath(f), s.nextPath(f)}
}

// Recall is what is known of a vector's recall.
type Recall struct {
	Vector string
	Ef     int     // breadth of queries that name none; 0: not measured yet
	Recall float64 // at that breadth, for 10 neighbours; of several shards the mean by points
	Points int     // in the index
	Curves []*recall.Curve
}

// recalls tells the recall of every vector that has an index.
func (st *state) recalls() (out []Recall) {
	for i := range st.fields {
		f := &st.fields[i]
		c := f.curve.Load()
		if c == nil || f.graph.Load() == nil {
			continue
		}
		ef := f.breadth()
		out = append(out, Recall{Vector: f.conf.Name, Ef: ef, Recall: c.Estimate(ef), Points: f.has.Len(), Curves: []*recall.Curve{c}})
	}
	return out
}

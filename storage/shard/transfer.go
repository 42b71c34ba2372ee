package shard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/point"
)

// GraphFile is a graph checkpoint, held by a link of its own.
type GraphFile struct {
	Vector uint16 // the number of its vector
	Path   string
	live   string // where the shard keeps it
}

// LinkGraphs links the graph checkpoints into a directory, so that later saves
// cannot change what was linked. A checkpoint that was saved before a cut knows
// no slot above the cut and misses none that lives in it; see Current.
func (s *Shard) LinkGraphs(dir string) ([]GraphFile, error) {
	st := s.current.Load()
	var out []GraphFile
	for i := range st.fields {
		live := s.graphPath(st.fields[i].field)
		g := GraphFile{Vector: st.fields[i].number, Path: filepath.Join(dir, fmt.Sprintf("%d-%d.graph", s.id, st.fields[i].number)), live: live}
		err := os.Link(live, g.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

// Current reports whether no newer checkpoint has come since the link. Asked
// after the cut it tells that the rows that the graph walks through are in the
// cut: they are swept only after a newer checkpoint is in place.
func (g *GraphFile) Current() bool {
	a, errA := os.Stat(g.live)
	b, errB := os.Stat(g.Path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// errAudit: rows that contradict each other.
func errAudit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", storage.ErrRow, fmt.Sprintf(format, args...))
}

// Audit reads every point of a shard that was loaded from foreign rows, and is
// not served yet, and refuses what writes could not have made. home is asked
// whether a point belongs here.
func (s *Shard) Audit(ctx context.Context, home func(point.ID) bool) error {
	st := s.current.Load()
	seen := (*index.Set)(nil).Edit()
	var fault error
	var doc filter.Doc
	n := 0
	err := s.o.Store.ScanPoints(s.id, point.ID{}, func(id point.ID, row storage.PointRow) bool {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			fault = ctx.Err()
			return false
		}
		if fault = st.audit(seen, id, row); fault == nil {
			fault = auditPayload(&doc, id, row.Payload)
		}
		if fault == nil && !home(id) {
			fault = errAudit("point %s belongs to another shard of the collection", id)
		}
		return fault == nil
	})
	if err := errors.Join(err, fault); err != nil {
		return err
	}
	if n != st.live.Len() {
		return errAudit("%d points and %d slots", n, st.live.Len())
	}
	return nil
}

func (st *state) audit(seen *index.Editor, id point.ID, row storage.PointRow) error {
	if !st.live.Contains(row.Slot) || seen.Contains(row.Slot) || st.ids.id(row.Slot) != id {
		return errAudit("point %s and slot %d do not name each other", id, row.Slot)
	}
	seen.Add(row.Slot)
	return nil
}

func auditPayload(doc *filter.Doc, id point.ID, payload []byte) error {
	if payload == nil {
		return nil
	}
	if err := doc.Parse(payload); err != nil || payload[0] != '{' {
		return errAudit("payload of point %s is no JSON object (%v)", id, err)
	}
	return nil
}

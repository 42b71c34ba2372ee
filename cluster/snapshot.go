package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/kithdb/kith/storage/archive"
	"github.com/kithdb/kith/storage/replica"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// WholeCollection stands for all shards of a collection.
const WholeCollection = -1

// Snapshot writes a collection as it is at one moment, or one of its shards,
// into an archive. Writers wait only while the stores' snapshots are opened.
// Errors: ErrNotFound, ErrClosed, the context's and the writer's.
func (n *Node) Snapshot(ctx context.Context, name string, shardNumber int, w io.Writer) error {
	return n.export(ctx, w, archive.Manifest{Kind: kindOf(shardNumber)}, func() ([]exported, error) {
		mu := n.nameLock(name)
		mu.Lock()
		own, r, ok := n.meta.find(name)
		if !ok {
			mu.Unlock()
			return nil, notFound(name)
		}
		one := exported{name: own, record: r, unlock: []func(){mu.Unlock}}
		if shardNumber == WholeCollection {
			one.first, one.count = 0, len(r.Shards)
			return []exported{one}, nil
		}
		if shardNumber < 0 || shardNumber >= len(r.Shards) {
			mu.Unlock()
			return nil, noShard(own, shardNumber)
		}
		one.first, one.count = shardNumber, 1
		return []exported{one}, nil
	})
}

func noShard(name string, number int) error {
	return fmt.Errorf("shard %d of collection `%s` doesn't exist: %w", number, name, ErrNotFound)
}

func kindOf(shardNumber int) archive.Kind {
	if shardNumber == WholeCollection {
		return archive.OfCollection
	}
	return archive.OfShard
}

// SnapshotNode writes all collections and aliases as they are at one moment.
func (n *Node) SnapshotNode(ctx context.Context, w io.Writer) error {
	m := archive.Manifest{Kind: archive.OfNode}
	return n.export(ctx, w, m, func() ([]exported, error) {
		var all exported
		for i := range n.ddl {
			n.ddl[i].Lock()
			all.unlock = append(all.unlock, n.ddl[i].Unlock)
		}
		out := []exported{all}
		for name, r := range n.meta.records() {
			out = append(out, exported{name: name, record: r, count: len(r.Shards)})
		}
		slices.SortFunc(out[1:], func(a, b exported) int { return cmp.Compare(a.name, b.name) })
		return out, nil
	})
}

// exported is one collection on its way into an archive. What it locks keeps
// the schema of the catalogue and those of the shards alike until the cut.
type exported struct {
	name   string
	record *record
	first  int // shards from here
	count  int
	unlock []func()
}

// export freezes what pick chooses, lets writers go on, and writes it out.
func (n *Node) export(ctx context.Context, w io.Writer, m archive.Manifest, pick func() ([]exported, error)) error {
	if err := n.enter(); err != nil {
		return err
	}
	defer n.writes.Done()
	e := &exporter{n: n, m: m, dirs: map[schema.GroupID]string{}}
	defer e.close()
	if err := e.freeze(pick); err != nil {
		return err
	}
	return e.write(ctx, w)
}

// exporter holds what was frozen.
type exporter struct {
	n      *Node
	m      archive.Manifest
	dirs   map[schema.GroupID]string // workspaces
	cuts   []*replica.Cut            // by group
	shards []frozen
}

type frozen struct {
	at     placement
	stream [2]int // collection and shard in the manifest
	graphs []shard.GraphFile
}

func (e *exporter) close() {
	for _, c := range e.cuts {
		if err := c.Close(); err != nil {
			e.n.log.Warn("close a snapshot's cut", "error", err)
		}
	}
	for _, dir := range e.dirs {
		if err := os.RemoveAll(dir); err != nil {
			e.n.log.Warn("remove a snapshot's workspace", "error", err)
		}
	}
}

func (e *exporter) freeze(pick func() ([]exported, error)) error {
	list, err := pick()
	if err != nil {
		return err
	}
	defer func() {
		for _, x := range list {
			for _, unlock := range x.unlock {
				unlock()
			}
		}
	}()
	for _, x := range list {
		if x.record == nil {
			continue
		}
		if err := e.add(x); err != nil {
			return err
		}
	}
	replicas := make([]*replica.Replica, len(e.n.groups))
	for i, g := range e.n.groups {
		replicas[i] = g.replica
	}
	e.cuts = replica.Cuts(replicas)
	if e.m.Kind == archive.OfNode {
		for _, a := range e.n.meta.aliases() {
			e.m.Aliases = append(e.m.Aliases, archive.Alias{Name: a.Alias, Collection: a.Collection})
		}
	}
	e.m.Created = time.Now().UTC().Format(time.RFC3339)
	return e.keepCurrent()
}

// add links the graphs of a collection's shards, before the cut.
func (e *exporter) add(x exported) error {
	text, err := json.Marshal(x.record.Schema)
	if err != nil {
		return err
	}
	c := archive.Collection{Name: x.name, Schema: text}
	for i, p := range x.record.Shards[x.first : x.first+x.count] {
		s, ok := e.n.groups[p.Group].replica.Shard(p.Shard)
		if !ok {
			return notFound(x.name)
		}
		dir, err := e.workspace(p.Group)
		if err != nil {
			return err
		}
		graphs, err := s.LinkGraphs(dir)
		if err != nil {
			return err
		}
		e.shards = append(e.shards, frozen{at: p, stream: [2]int{len(e.m.Collections), i}, graphs: graphs})
		c.Shards = append(c.Shards, archive.Shard{Number: x.first + i})
	}
	e.m.Collections = append(e.m.Collections, c)
	return nil
}

func (e *exporter) workspace(g schema.GroupID) (string, error) {
	if dir, ok := e.dirs[g]; ok {
		return dir, nil
	}
	dir, err := e.n.groups[g].replica.Workspace()
	if err == nil {
		e.dirs[g] = dir
	}
	return dir, err
}

// keepCurrent leaves out graphs that were saved anew around the cut.
func (e *exporter) keepCurrent() error {
	for i := range e.shards {
		f := &e.shards[i]
		f.graphs = slices.DeleteFunc(f.graphs, func(g shard.GraphFile) bool { return !g.Current() })
		to := &e.m.Collections[f.stream[0]].Shards[f.stream[1]]
		for _, g := range f.graphs {
			to.Graphs = append(to.Graphs, g.Vector)
		}
	}
	return nil
}

func (e *exporter) write(ctx context.Context, w io.Writer) error {
	a, err := archive.NewWriter(w, e.m)
	if err != nil {
		return err
	}
	for i := range e.shards {
		if err := e.writeShard(ctx, a, &e.shards[i]); err != nil {
			a.Abort()
			return err
		}
	}
	return a.Close()
}

func (e *exporter) writeShard(ctx context.Context, a *archive.Writer, f *frozen) error {
	c, s := f.stream[0], f.stream[1]
	err := a.Stream(archive.Rows(c, s), func(w io.Writer) error {
		var row []byte
		n := 0
		return e.cuts[f.at.Group].ExportShard(f.at.Shard, func(key, value []byte) error {
			if n++; n%256 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			row = archive.AppendRow(row[:0], key, value)
			_, err := w.Write(row)
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, g := range f.graphs {
		if err := a.Stream(archive.Graph(c, s, g.Vector), copyOf(g.Path)); err != nil {
			return err
		}
	}
	return nil
}

func copyOf(path string) func(io.Writer) error {
	return func(w io.Writer) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		return errors.Join(err, f.Close())
	}
}

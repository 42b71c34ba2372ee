package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// transferDir holds tables and links of exports and imports under way. What a
// crash leaves there is deleted at the next open.
const transferDir = "transfer"

// Cut is a replica's rows at one moment. Close it once.
type Cut struct {
	*storage.Snapshot
	r *Replica
}

// Cuts takes a cut of each replica, all at one moment: no entry is applied to
// any of them in between. Writers are held off for as long as it takes to open
// snapshots, and no row is read.
func Cuts(replicas []*Replica) []*Cut {
	for _, r := range replicas {
		r.apply.Lock()
	}
	out := make([]*Cut, len(replicas))
	for i, r := range replicas {
		out[i] = &Cut{Snapshot: r.store.NewSnapshot(), r: r}
	}
	for _, r := range replicas {
		r.apply.Unlock()
	}
	return out
}

// Workspace makes an empty directory for the files of an export, beside the
// indexes. The caller removes it.
func (r *Replica) Workspace() (string, error) {
	root := filepath.Join(r.dir, transferDir)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(root, "export-")
}

// Import makes a shard of rows and graphs that were written elsewhere. Until
// Publish nobody sees it, and what a crash leaves of it is removed at the next
// open; after Publish it is a durable shard like any other.
//
// No log entry says so. The number is fresh, so no entry before can name it, and
// entries that name it follow only after the cluster group has assigned it to a
// collection, which happens when it is durable here.
//
// Concurrency: one goroutine.
// Lifetime: end it with Publish or Abort.
type Import struct {
	r    *Replica
	id   schema.ShardID
	rows *storage.Import
	row  storage.ShardRow
	s    *shard.Shard
}

// NewImport begins an import under a number that no shard ever had.
func (r *Replica) NewImport(id schema.ShardID) (*Import, error) {
	rows, err := r.store.NewImport(id, filepath.Join(r.dir, transferDir, fmt.Sprintf("import-%d", id)))
	if err != nil {
		return nil, err
	}
	return &Import{r: r, id: id, rows: rows}, nil
}

// Put takes the next row, as storage.Reader.ExportShard hands it out.
func (m *Import) Put(key, value []byte) error { return m.rows.Put(key, value) }

// Graph takes the checkpoint of a vector's graph. One that does not fit the rows
// is left aside by Load, and the graph is built again.
func (m *Import) Graph(vector uint16, from io.Reader) error {
	dir := filepath.Join(m.r.shard.Dir, fmt.Sprint(m.id))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.graph", vector)))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Sync(), f.Close())
}

// Load puts the rows into the store, loads the shard and checks that its rows
// agree. home is asked whether a point belongs into it.
func (m *Import) Load(ctx context.Context, home func(point.ID) bool) (s *schema.Collection, err error) {
	if m.row, err = m.rows.Commit(ctx); err != nil {
		return nil, err
	}
	m.rows = nil
	// Rows of strangers are a reason to refuse, never one to fall over.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: loading them failed: %v", storage.ErrRow, p)
		}
	}()
	if m.s, err = shard.Open(m.id, m.row, m.r.shard); err != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrRow, err)
	}
	return m.s.Schema(), m.s.Audit(ctx, home)
}

// Publish makes the shard one of the replica's, durably.
func (m *Import) Publish() error {
	if err := m.publish(); err != nil {
		return err
	}
	return m.r.store.Flush()
}

func (m *Import) publish() error {
	m.r.apply.Lock()
	defer m.r.apply.Unlock()
	b := m.r.store.NewBatch()
	defer b.Close()
	if err := b.PutShard(m.id, m.row); err != nil {
		return err
	}
	if err := b.Commit(m.r.store.Applied()); err != nil {
		return err
	}
	m.r.cuts.Swap(m.r.store.NewSnapshot(), func() {})
	m.r.put(m.s)
	m.s.Published() // now that the cut has its rows
	return nil
}

// Abort takes back all of it; after Publish too, as long as nobody uses it.
func (m *Import) Abort() error {
	var fault error
	if m.rows != nil {
		fault = m.rows.Abort()
	}
	m.r.mu.Lock()
	delete(m.r.mu.shards, m.id)
	m.r.mu.Unlock()
	if m.s != nil {
		m.s.Close()
		m.s.Wait()
	}
	return errors.Join(fault, m.r.erase(m.id), os.RemoveAll(filepath.Join(m.r.shard.Dir, fmt.Sprint(m.id))))
}

// erase deletes the rows of a number that no log entry names.
func (r *Replica) erase(id schema.ShardID) error {
	r.apply.Lock()
	defer r.apply.Unlock()
	b := r.store.NewBatch()
	defer b.Close()
	if err := b.DropShard(id); err != nil {
		return err
	}
	return b.Commit(r.store.Applied())
}

// tidy removes what imports and exports left when the process died.
func (r *Replica) tidy() error {
	if err := os.RemoveAll(filepath.Join(r.dir, transferDir)); err != nil {
		return err
	}
	orphans, err := r.store.Orphans()
	if err != nil {
		return err
	}
	for _, id := range orphans {
		r.log.Info("remove the rows of an import that was cut short", "shard", id)
		if err := r.erase(id); err != nil {
			return err
		}
	}
	return r.tidyIndexes()
}

// tidyIndexes removes checkpoints of shards that the store does not have: they
// are flushed before their checkpoints are written.
func (r *Replica) tidyIndexes() error {
	entries, err := os.ReadDir(r.shard.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, err := strconv.ParseUint(e.Name(), 10, 32)
		if err != nil {
			continue
		}
		if _, ok := r.Shard(schema.ShardID(id)); ok {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.shard.Dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

package shard

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/schema"
)

// Open loads a shard that the store holds: ids and live set, vector rows,
// graphs from their checkpoints where these are intact. Payload indexes answer
// from their postings until these are loaded behind: call Published when the
// current cut has the rows, and not before, for whatever works behind reads them
// from it.
func Open(id schema.ShardID, row storage.ShardRow, o Options) (*Shard, error) {
	s := newShard(id, o)
	l := &loader{s: s, row: row}
	if err := l.load(); err != nil {
		s.pins.close(func() {})
		return nil, fmt.Errorf("shard %d: %w", id, err)
	}
	return s, nil
}

// loader brings one shard from the store into memory.
type loader struct {
	s      *Shard
	row    storage.ShardRow
	schema schema.Collection
	st     *state
}

func (l *loader) load() error {
	if err := json.Unmarshal(l.row.Schema, &l.schema); err != nil {
		return fmt.Errorf("%w: schema of the shard: %w", storage.ErrCorrupt, err)
	}
	l.st = &state{schema: &l.schema, next: l.row.Next}
	if err := l.loadRows(); err != nil {
		return err
	}
	if err := l.removeGraphs(); err != nil {
		return err
	}
	if err := l.loadIndexes(); err != nil {
		return err
	}
	l.collect()
	settle(l.st.schema, l.st.fields)
	for i := range l.st.fields {
		if err := l.st.fields[i].keepLoaded(); err != nil {
			return err
		}
	}
	l.s.current.Store(l.st)
	return nil
}

func (l *loader) number(name string) (uint16, bool) {
	for _, v := range l.row.Vectors {
		if v.Name == name {
			return v.Number, true
		}
	}
	return 0, false
}

// loadIndexes finds out which payload indexes there are and how far. Their rows
// answer until the optimizer has brought them into memory.
func (l *loader) loadIndexes() error {
	for _, ix := range l.row.Indexes {
		parsed, err := payload.ParseSchema(ix.Field, ix.Schema)
		if err != nil {
			return fmt.Errorf("%w: payload index %q: %w", storage.ErrCorrupt, ix.Field, err)
		}
		l.s.writer.payload.Restore(parsed)
		from, to := payload.StateRows(ix.Field)
		err = l.s.o.Store.ScanPostings(l.s.id, from, to, false, func(key []byte) bool {
			l.s.writer.payload.Put(bytes.Clone(key[:len(key)-4]), 0)
			return true
		})
		if err != nil {
			return err
		}
	}
	l.st.indexes = l.s.writer.payload.Publish()
	l.st.analyzers = analyzers(l.st.indexes)
	return nil
}

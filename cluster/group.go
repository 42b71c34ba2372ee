package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/replica"
	"github.com/kithdb/kith/storage/schema"
)

// group is one replica group on this node: a raft member and the replica that
// its log feeds. It is the raft.BatchingFSM of its member.
type group struct {
	id      schema.GroupID
	replica *replica.Replica
	member  *member
	node    *Node

	applied atomic.Uint64 // newest entry that the replica has seen
	logged  atomic.Int64  // bytes applied since the log was cut
	full    chan struct{} // the log is worth a cut
	stop    chan struct{}
	cutter  sync.WaitGroup
}

func openGroup(id schema.GroupID, n *Node) (*group, error) {
	dir := filepath.Join(n.o.Dir, "groups", fmt.Sprintf("%03d", id))
	log := n.log.With("group", id)
	r, err := replica.Open(dir, replica.Options{
		Store:     storage.Options{Cache: n.cache, MemTableBytes: n.o.MemTableBytes, Logger: log},
		Optimizer: n.optimizer, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	g := &group{id: id, replica: r, node: n, full: make(chan struct{}, 1), stop: make(chan struct{})}
	g.applied.Store(r.Applied())
	g.member, err = openMember(dir, g, memberOptions{log: log, segment: 16 << 20})
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if last := g.member.raft.LastIndex(); last < r.Applied() {
		err := fmt.Errorf("%w: the store has applied entry %d and the log ends at %d: the log of group %d was lost or replaced", storage.ErrCorrupt, r.Applied(), last, id)
		return nil, errors.Join(err, g.member.close(), r.Close())
	}
	g.cutter.Go(g.cut)
	return g, nil
}

func (g *group) ready(ctx context.Context) error { return g.member.ready(ctx) }

// calmBytes is how much log is worth a cut in the calm.
const calmBytes = 1 << 20

// cut flushes the store and cuts the log whenever enough of it has gathered, and in
// the calm.
func (g *group) cut() {
	look := time.NewTicker(g.node.o.LogCalm)
	defer look.Stop()
	for seen := int64(0); ; {
		select {
		case <-g.stop:
			return
		case <-look.C:
			now := g.logged.Load()
			if now < calmBytes || now != seen {
				seen = now
				continue
			}
			g.logged.Store(0)
			g.cutNow()
			g.node.optimizer.Spent() // the flush has left holes, and the log its largest writes
		case <-g.full:
			g.cutNow()
			g.reclaim()
		}
	}
}

// cutNow leaves enough uncut for the next calm when it fails: the disk may have
// room by then.
func (g *group) cutNow() {
	if err := g.snapshot(); err != nil && !errors.Is(err, raft.ErrRaftShutdown) {
		g.node.log.Warn("cut the log", "group", g.id, "error", err)
		g.logged.Add(calmBytes)
	}
}

// reclaim gives the space of dropped shards back, and ends early when the group
// stops.
func (g *group) reclaim() {
	if !g.replica.Garbage() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-g.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := g.replica.Reclaim(ctx); err != nil && ctx.Err() == nil {
		g.node.log.Warn("give the space of dropped shards back", "group", g.id, "error", err)
	}
}

func (g *group) snapshot() error {
	err := g.member.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	return err
}

// Apply implements raft.FSM.
func (g *group) Apply(l *raft.Log) any { return g.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM: a run of entries is one batch of the
// replica. The answers are []op.Result.
func (g *group) ApplyBatch(logs []*raft.Log) []any {
	entries := make([]replica.Entry, 0, len(logs))
	at := make([]int, 0, len(logs))
	for i, l := range logs {
		if l.Type != raft.LogCommand {
			continue
		}
		entries = append(entries, replica.Entry{Index: l.Index, Data: l.Data})
		at = append(at, i)
		g.logged.Add(int64(len(l.Data)))
	}
	out := make([]any, len(logs))
	for i, results := range g.replica.Apply(entries) {
		out[at[i]] = results
	}
	g.applied.Store(logs[len(logs)-1].Index)
	if g.logged.Load() >= g.node.o.LogBytes || g.replica.Garbage() {
		g.logged.Store(0)
		select {
		case g.full <- struct{}{}:
		default: // a cut is due already
		}
	}
	return out
}

// Snapshot implements raft.FSM.
func (g *group) Snapshot() (raft.FSMSnapshot, error) { return marker{g.replica}, nil }

// Restore implements raft.FSM. A member of one never gets another's state.
func (g *group) Restore(r io.ReadCloser) error {
	return errors.Join(errors.New("a replica's state lives in its store, not in raft's snapshots"), r.Close())
}

// marker is a raft snapshot that holds no state, only the promise that the
// store has it on disk: raft may then cut its log.
type marker struct{ r *replica.Replica }

// Persist implements raft.FSMSnapshot.
func (s marker) Persist(sink raft.SnapshotSink) error {
	if err := s.r.Flush(); err != nil {
		return err
	}
	if _, err := sink.Write(binary.LittleEndian.AppendUint64(nil, s.r.Applied())); err != nil {
		return err
	}
	return sink.Close()
}

// Release implements raft.FSMSnapshot.
func (s marker) Release() {}

// propose sends operations through the group's log. The error is the first
// operation's that failed, or raft's.
func (g *group) propose(ctx context.Context, ops []op.Op) (index uint64, err error) {
	index, response, err := g.member.propose(ctx, op.Append(nil, ops))
	if err != nil {
		return 0, err
	}
	results, _ := response.([]op.Result)
	for _, r := range results {
		if r.Err != nil {
			return index, r.Err
		}
	}
	return index, nil
}

// linearize waits until reads see every write acknowledged before it was called.
func (g *group) linearize(ctx context.Context) error {
	index := g.member.raft.CommitIndex()
	if err := wait(ctx, g.member.raft.VerifyLeader()); err != nil {
		return err
	}
	if max(g.applied.Load(), g.member.caughtUp.Load()) >= index {
		return nil
	}
	if err := wait(ctx, g.member.raft.Barrier(0)); err != nil {
		return err
	}
	g.member.caughtUp.Store(max(index, g.member.caughtUp.Load()))
	return nil
}

// admit refuses what takes room while the store has none for what it was given
// before: its memory for writes would run out, and they would wait for the disk.
func (g *group) admit() error {
	if err := g.replica.FlushFault(); errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: what was written before cannot be flushed: %w", ErrDiskFull, err)
	}
	return nil
}

func (g *group) close(ctx context.Context) error {
	close(g.stop)
	g.cutter.Wait()
	fault := g.replica.Checkpoint(ctx)
	if g.member.log.failed() == nil {
		fault = errors.Join(fault, g.snapshot())
	}
	fault = errors.Join(fault, g.member.close())
	return errors.Join(fault, g.replica.Close())
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
)

// member is this node's part in one raft group: the log on disk, and raft.
type member struct {
	raft *raft.Raft
	log  *diskLog
	// caughtUp is the log index when the member became ready: what lies at or
	// below is applied, though raft's own entries there never reach the state.
	caughtUp atomic.Uint64
}

type memberOptions struct {
	log *slog.Logger
	// snapshots: raft's snapshots hold the state. Otherwise the state keeps
	// itself, and they only say how far.
	snapshots bool
	segment   int // bytes of a log segment, which are taken from the disk at once
}

const (
	// trailingLogs is what a snapshot leaves in the log. On one member nobody needs
	// them, and each segment of the log keeps the memory that its largest write took.
	trailingLogs = 1
	// tick is how long a lone member waits before it elects itself.
	tick = 50 * time.Millisecond
)

// the one member of a group; raft wants names.
const self = raft.ServerID("1")

func openMember(dir string, fsm raft.FSM, o memberOptions) (*member, error) {
	logger := raftLog{o.log, "raft"}
	log, err := openLog(filepath.Join(dir, "log"), o.segment, logger)
	if err != nil {
		return nil, err
	}
	m := &member{log: log}
	if err := m.start(dir, fsm, o, logger); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return m, nil
}

func (m *member) start(dir string, fsm raft.FSM, o memberOptions, logger raftLog) error {
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(dir, 1, logger)
	if err != nil {
		return err
	}
	addr, transport := raft.NewInmemTransport(raft.ServerAddress(self))
	c := raft.DefaultConfig()
	c.LocalID, c.Logger, c.NoLegacyTelemetry = self, logger, true
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = tick, tick, tick
	c.BatchApplyCh = true
	c.TrailingLogs = trailingLogs
	c.SnapshotThreshold = 4096
	c.SnapshotInterval = 30 * time.Second
	c.NoSnapshotRestoreOnStart = !o.snapshots
	if !o.snapshots {
		c.SnapshotThreshold = 1 << 62 // by bytes: see group.cut
	}
	there, err := raft.HasExistingState(m.log, m.log, snapshots)
	if err != nil {
		return err
	}
	if !there {
		one := raft.Configuration{Servers: []raft.Server{{ID: self, Address: addr}}}
		if err := raft.BootstrapCluster(c, m.log, m.log, snapshots, transport, one); err != nil {
			return err
		}
	}
	m.raft, err = raft.NewRaft(c, fsm, m.log, m.log, snapshots, transport)
	return err
}

// ready waits until the member leads and everything in its log is applied.
func (m *member) ready(ctx context.Context) error {
	for m.raft.State() != raft.Leader {
		if err := m.log.failed(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: no leader: %w", ErrNotReady, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	if err := wait(ctx, m.raft.Barrier(0)); err != nil {
		return err
	}
	m.caughtUp.Store(m.raft.CommitIndex())
	return nil
}

// propose appends an entry to the log and waits until it is applied.
func (m *member) propose(ctx context.Context, entry []byte) (index uint64, response any, err error) {
	if err := m.log.failed(); err != nil {
		return 0, nil, err
	}
	if err := ctx.Err(); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	f := m.raft.Apply(entry, 0)
	if err := wait(ctx, f); err != nil {
		return 0, nil, errors.Join(err, m.log.failed())
	}
	return f.Index(), f.Response(), nil
}

// wait waits for raft or for the caller's patience, whichever ends first.
func wait(ctx context.Context, f raft.Future) error {
	if ctx.Done() == nil {
		return fault(f.Error())
	}
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return fault(err)
	case <-ctx.Done():
		return fmt.Errorf("%w: the write may still be applied: %w", ErrTimeout, ctx.Err())
	}
}

func fault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	case errors.Is(err, raft.ErrRaftShutdown):
		return ErrClosed
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	return err
}

func (m *member) close() error {
	err := m.raft.Shutdown().Error()
	return errors.Join(err, m.log.Close())
}

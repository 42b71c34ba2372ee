package cluster

import (
	"context"
	"fmt"
	"sync"
)

// Quotas bounds what every node of the cluster uses (contract: QuotaConfig). A
// nil limit is none. Its JSON form is in the log: add fields, never rename one.
type Quotas struct {
	Enabled                  bool `json:"enabled"`
	MaxResidentMemoryPercent *int `json:"max_resident_memory_percent,omitempty"` // 1 to 100
	MaxDiskUsagePercent      *int `json:"max_disk_usage_percent,omitempty"`      // 1 to 100
	// ReleaseMarginPercent is how far below a limit usage has to fall before
	// writes are taken again, 0 to 100; nil: DefaultReleaseMargin.
	ReleaseMarginPercent *int `json:"release_margin_percent,omitempty"`
}

// DefaultReleaseMargin is the margin of quotas that name none, in percentage
// points: wide enough that the noise between two readings does not open and shut
// the door.
const DefaultReleaseMargin = 5

// margin is the margin in force.
func (q *Quotas) margin() int {
	if q.ReleaseMarginPercent != nil {
		return *q.ReleaseMarginPercent
	}
	return DefaultReleaseMargin
}

// Quotas is the quotas in force.
func (n *Node) Quotas() Quotas { return *n.meta.quotas() }

// SetQuotas replaces the quotas. They are kept through the cluster group's log.
func (n *Node) SetQuotas(ctx context.Context, q Quotas) error {
	if err := n.enter(); err != nil {
		return err
	}
	defer n.writes.Done()
	_, err := n.command(ctx, command{Quotas: &q})
	return err
}

// Exceeded says which quotas are reached, and therefore keep writes out.
type Exceeded struct{ Memory, Disk bool }

// Exceeded measures the node against its quotas.
func (n *Node) Exceeded() Exceeded { return n.usage.measure(n.meta.quotas()) }

// meter holds the node's usage against the quotas. A limit that was reached
// stays so until usage has fallen below it by the margin.
type meter struct {
	read func() Usage

	mu   sync.Mutex
	over Exceeded
	of   *Quotas // what over was measured against
}

// measure updates what is exceeded. What cannot be measured is not: a limit
// that nobody can evaluate must not become a limit of zero.
func (m *meter) measure(q *Quotas) Exceeded {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of != q {
		m.of, m.over = q, Exceeded{}
	}
	if !q.Enabled {
		return Exceeded{}
	}
	u := m.read()
	memory, ok := u.MemoryPercent()
	m.over.Memory = ok && reached(m.over.Memory, memory, q.MaxResidentMemoryPercent, q.margin())
	disk, ok := u.DiskPercent()
	m.over.Disk = ok && reached(m.over.Disk, disk, q.MaxDiskUsagePercent, q.margin())
	return m.over
}

// reached tells whether a limit keeps writes out, given whether it did before.
func reached(before bool, used int, limit *int, margin int) bool {
	switch {
	case limit == nil:
		return false
	case before:
		return used >= release(*limit, margin)
	}
	return used >= *limit
}

// release is the usage below which a reached limit lets writes in again.
func release(limit, margin int) int { return max(limit-margin, 1) }

// admit refuses a write that takes memory or disk while a quota is reached.
func (m *meter) admit(q *Quotas) error {
	if !q.Enabled {
		return nil
	}
	over := m.measure(q)
	u := m.read()
	switch {
	case over.Memory:
		used, _ := u.MemoryPercent()
		return quotaError("Resident memory usage", used, *q.MaxResidentMemoryPercent, q.margin(), "max_resident_memory_percent")
	case over.Disk:
		used, _ := u.DiskPercent()
		return quotaError("Disk usage", used, *q.MaxDiskUsagePercent, q.margin(), "max_disk_usage_percent")
	}
	return nil
}

func quotaError(what string, used, limit, margin int, field string) error {
	return fmt.Errorf("%w: %s is at %d%%: it reached the configured limit of %d%% and has to fall below %d%% before this node takes writes again. Help: Delete points or collections, or raise %s in the global quota config (PUT /quotas)",
		ErrQuota, what, used, limit, release(limit, margin), field)
}

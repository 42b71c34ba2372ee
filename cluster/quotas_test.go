package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

func to[T any](v T) *T { return &v }

// A limit that was reached keeps writes out until usage has fallen by the margin.
func TestQuotasReleaseWithAMargin(t *testing.T) {
	var used int64
	m := &meter{read: func() Usage { return Usage{Resident: used, Memory: 100, DiskUsed: 1, Disk: 100} }}
	q := &Quotas{Enabled: true, MaxResidentMemoryPercent: to(80), ReleaseMarginPercent: to(10)}
	for i, step := range []struct {
		used    int64
		refused bool
	}{{79, false}, {80, true}, {79, true}, {70, true}, {69, false}, {79, false}, {95, true}} {
		used = step.used
		if err := m.admit(q); (err != nil) != step.refused {
			t.Errorf("step %d at %d %%: %v", i, used, err)
		} else if err != nil && !errors.Is(err, ErrQuota) {
			t.Errorf("step %d: %v is no ErrQuota", i, err)
		}
	}
	used = 79
	if err := m.admit(&Quotas{Enabled: true, MaxResidentMemoryPercent: to(80)}); err != nil {
		t.Errorf("new quotas start afresh: %v", err)
	}
	used = 0 // cannot be read
	if err := m.admit(q); err != nil {
		t.Errorf("what cannot be measured: %v", err)
	}
}

func TestQuotasAreKept(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	if err := n.SetQuotas(t.Context(), Quotas{Enabled: true, MaxDiskUsagePercent: to(99)}); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	n = openNode(t, dir)
	defer closeNode(t, n)
	if q := n.Quotas(); !q.Enabled || q.MaxDiskUsagePercent == nil || *q.MaxDiskUsagePercent != 99 {
		t.Errorf("after a restart: %+v", q)
	}
}

// sink is a snapshot in memory.
type sink struct{ bytes.Buffer }

func (*sink) Close() error  { return nil }
func (*sink) Cancel() error { return nil }
func (*sink) ID() string    { return "" }

// What has no quotas is written in the version that older builds read; what has
// some is not.
func TestCatalogueVersions(t *testing.T) {
	c := newCatalogue(1)
	snapshot := func() string {
		s, err := c.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		var out sink
		if err := s.Persist(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if text := snapshot(); !strings.HasPrefix(text, `{"version":1,`) || strings.Contains(text, "quotas") {
		t.Errorf("without quotas: %s", text)
	}
	entry, err := json.Marshal(command{Version: quotasVersion, Quotas: &Quotas{Enabled: true}})
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(&raft.Log{Index: 1, Data: entry})
	text := snapshot()
	if !strings.HasPrefix(text, `{"version":2,`) {
		t.Errorf("with quotas: %s", text)
	}
	fresh := newCatalogue(1)
	if err := fresh.Restore(io.NopCloser(strings.NewReader(text))); err != nil || !fresh.quotas().Enabled {
		t.Errorf("restored: %v", err)
	}
	later := strings.Replace(text, `"version":2`, `"version":3`, 1)
	if err := newCatalogue(1).Restore(io.NopCloser(strings.NewReader(later))); !errors.Is(err, ErrFormat) {
		t.Errorf("of a later version: %v", err)
	}
}

func TestUsageIsRead(t *testing.T) {
	u := readUsage(t.TempDir())
	if u.Disk <= 0 || u.DiskUsed < 0 || u.DiskUsed > u.Disk {
		t.Errorf("disk: %+v", u)
	}
	if u.Memory != 0 && (u.Resident <= 0 || u.Resident > u.Memory) { // 0: no /proc
		t.Errorf("memory: %+v", u)
	}
}

func TestLimitFiles(t *testing.T) {
	for line, want := range map[string]string{
		"0::/a/b":             "/sys/fs/cgroup/a/b/memory.max /sys/fs/cgroup/a/memory.max /sys/fs/cgroup/memory.max",
		"0::/":                "/sys/fs/cgroup/memory.max",
		"4:memory:/x":         "/sys/fs/cgroup/memory/x/memory.limit_in_bytes /sys/fs/cgroup/memory/memory.limit_in_bytes",
		"3:cpu,cpuacct:/x":    "",
		"nonsense":            "",
		"2:hugetlb,memory:/y": "/sys/fs/cgroup/memory/y/memory.limit_in_bytes /sys/fs/cgroup/memory/memory.limit_in_bytes",
	} {
		if got := strings.Join(limitFiles(line), " "); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

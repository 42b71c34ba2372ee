package storage

import (
	"testing"
	"time"

	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// An open store compacts by itself what many flushes leave, and only an open one: what
// asks before is told to wait.
func TestOnlyAnOpenStoreCompacts(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{})
	defer func() { must(t, s.Close()) }()
	for i := range uint64(12) {
		b := s.NewBatch()
		for p := range uint64(50) {
			must(t, b.PutPoint(schema.ShardID(1), point.Number(p), PointRow{Version: i}))
		}
		must(t, b.Commit(i+1), b.Close(), s.Flush())
	}
	for end := time.Now().Add(30 * time.Second); s.db.Metrics().Compact.Count == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("twelve flushes are not compacted")
		}
	}
	c := newCompactions()
	c.Register(1, s.db)
	if ok, _ := c.TrySchedule(); ok {
		t.Error("a store that is not open yet compacts")
	}
	c.start()
	if ok, _ := c.TrySchedule(); !ok {
		t.Error("an open store may not compact")
	}
	c.Unregister()
	c.Done()
	if ok, _ := c.TrySchedule(); ok {
		t.Error("a store that is being closed compacts")
	}
}

package cluster

import (
	"io"
	"testing"

	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/replica"
)

// BenchmarkCut is what writers wait for when a snapshot is taken.
func BenchmarkCut(b *testing.B) {
	n, err := Open(b.Context(), Options{Dir: b.TempDir(), Groups: 3, Logger: quiet(), DiskReserve: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close(b.Context())
	if err := n.Create(b.Context(), "c", newSchema(3)); err != nil {
		b.Fatal(err)
	}
	c, err := n.Collection("c")
	if err != nil {
		b.Fatal(err)
	}
	for at := uint64(0); at < 20_000; at += 1000 {
		if _, err := c.Write(b.Context(), []op.Op{upsert(span(at, at+1000)...)}, Applied); err != nil {
			b.Fatal(err)
		}
	}
	var replicas []*replica.Replica
	for _, g := range n.groups {
		replicas = append(replicas, g.replica)
	}
	for b.Loop() {
		for _, cut := range replica.Cuts(replicas) {
			cut.Close()
		}
	}
	b.StopTimer()
	if err := n.Snapshot(b.Context(), "c", WholeCollection, io.Discard); err != nil {
		b.Fatal(err)
	}
}

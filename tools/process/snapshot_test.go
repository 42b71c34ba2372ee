package process_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/process"
)

// TestKilledWhileMakingAndRecoveringSnapshots kills a real server at random
// moments of both. The collection is then the old one or the recovered one,
// whole; a listed snapshot is whole; and nothing is left behind.
func TestKilledWhileMakingAndRecoveringSnapshots(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	o := process.Options{Binary: build(t), DataDir: filepath.Join(t.TempDir(), "data"), Args: []string{"--disk-reserve-mib", "-1"}}
	s := start(t, o)
	connect := func() *client.Client {
		c, err := client.New(s.URL(), client.Options{Retry: client.Retry{Attempts: 1}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := connect()
	of := client.OfCollection("c")
	const old, recovered = 6000, 5000
	store := func(from, to int) {
		t.Helper()
		for at := from; at < to; at += 500 {
			batch := make([]client.Point, 0, 500)
			for i := at; i < at+500; i++ {
				batch = append(batch, client.Point{ID: client.Number(uint64(i)), Vectors: client.Unnamed([]float32{float32(i), 1, 2, 3})})
			}
			if _, err := c.Upsert(t.Context(), "c", batch, client.Visible); err != nil {
				t.Fatal(err)
			}
		}
	}
	shards := 2
	spec := client.CollectionSpec{Vectors: client.VectorConfig{"": {Size: 4, Distance: api.Euclid}}, Other: api.CreateCollection{ShardNumber: &shards}}
	if err := c.CreateCollection(t.Context(), "c", spec); err != nil {
		t.Fatal(err)
	}
	store(0, recovered)
	made, err := c.CreateSnapshot(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := c.DownloadSnapshot(t.Context(), of, made.Name, &file); err != nil {
		t.Fatal(err)
	}
	store(recovered, old)
	outcomes := map[string]int{}
	for round := range 9 {
		done := make(chan error, 1)
		go func() {
			switch round % 3 {
			case 0:
				_, err := c.CreateSnapshot(t.Context(), of)
				done <- err
			case 1:
				done <- c.RecoverSnapshot(t.Context(), of, api.SnapshotRecover{Location: made.Name})
			default:
				done <- c.UploadSnapshot(t.Context(), of, bytes.NewReader(file.Bytes()), *made.Checksum)
			}
		}()
		time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond) // any moment will do
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		acknowledged := <-done == nil
		s = start(t, o)
		c = connect()
		n, err := c.Count(t.Context(), "c", nil)
		if err != nil || n != old && (n != recovered || round%3 == 0) || acknowledged && round%3 != 0 && n != recovered {
			t.Fatalf("round %d: %d points, acknowledged %v, %v", round, n, acknowledged, err)
		}
		outcomes[fmt.Sprint(n, " ", acknowledged)]++
		nothingLeft(t, o.DataDir)
		wholeSnapshots(t, c, of)
		store(recovered, old)
	}
	t.Logf("points and acknowledgement: %v", outcomes)
	if err := s.Stop(limit); err != nil {
		t.Error(err)
	}
}

func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if strings.HasPrefix(d.Name(), ".tmp-") || strings.Contains(path, "/transfer/") {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if indexes, _ := filepath.Glob(filepath.Join(dir, "groups", "000", "index", "*")); len(indexes) > 2 {
		t.Errorf("indexes of %v, and there are 2 shards", indexes)
	}
}

// wholeSnapshots reads every listed snapshot against its checksum.
func wholeSnapshots(t *testing.T, c *client.Client, of client.SnapshotsOf) {
	t.Helper()
	list, err := c.Snapshots(t.Context(), of)
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	for _, one := range list {
		if sum, err := c.DownloadSnapshot(t.Context(), of, one.Name, io.Discard); err != nil || one.Checksum != nil && sum != *one.Checksum {
			t.Errorf("%s: %v", one.Name, errors.Join(err, fmt.Errorf("checksum %s", sum)))
		}
	}
}

package main

import (
	"bufio"
	_ "embed" // for the S3 server
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kithdb/kith/tools/kith/bucket"
)

// with puts a command's words before the flags that several share.
func with(flags []string, words ...string) []string { return append(words, flags...) }

// rows loads a collection of n points.
func rows(t *testing.T, url, name string, n int) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":%d,"vector":[%d,1],"payload":{"n":%d}}`+"\n", i, i, i%7)
	}
	ok(t, b.String(), "import", "-", "--format", "ndjson", "--url", url, "-c", name, "--distance", "Euclid")
}

func points(t *testing.T, url, name string, want string) {
	t.Helper()
	if out := ok(t, "", "collection", "info", name, "--url", url); !strings.Contains(out, want) {
		t.Errorf("%s has not %q:\n%s", name, want, out)
	}
}

func TestSnapshotCommands(t *testing.T) {
	url, dir := serving(t), t.TempDir()
	rows(t, url, "rows", 400)
	of := []string{"--url", url, "-c", "rows"}
	var made struct{ Name string }
	if err := json.Unmarshal([]byte(ok(t, "", with(of, "snapshot", "create", "-o", "json")...)), &made); err != nil {
		t.Fatal(err)
	}
	if out := ok(t, "", with(of, "snapshot", "list")...); !strings.Contains(out, made.Name) {
		t.Errorf("list says %s", out)
	}
	file := filepath.Join(dir, "rows.snapshot")
	ok(t, "", with(of, "snapshot", "download", made.Name, "--to", file)...)
	if out := ok(t, "", "snapshot", "verify", file); !strings.Contains(out, "is whole: a snapshot of a collection") {
		t.Errorf("verify says %s", out)
	}
	ok(t, "", with(of, "snapshot", "delete", made.Name)...)
	if _, errOut, status := kith(t, "", with(of, "snapshot", "download", made.Name)...); status != 1 || !strings.Contains(errOut, made.Name) {
		t.Errorf("deleted: %d, %s", status, errOut)
	}
	ok(t, "", "collection", "delete", "rows", "--url", url)
	ok(t, "", with(of, "snapshot", "restore", file)...)
	points(t, url, "rows", "400")
	shard := filepath.Join(dir, "shard.snapshot")
	ok(t, "", with(of, "snapshot", "create", "--shard", "0", "--to", shard)...)
	ok(t, "", with(of, "snapshot", "restore", "--shard", "0", shard)...)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	bad := filepath.Join(dir, "bad.snapshot")
	if err := os.WriteFile(bad, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"snapshot", "verify", bad}, with(of, "snapshot", "restore", bad), with(of, "snapshot", "restore", "--checksum", "00", file), with(of, "snapshot", "restore", "--shard", "0", file)} {
		if _, errOut, status := kith(t, "", args...); status != 1 {
			t.Errorf("kith %v: %d, %s", args, status, errOut)
		}
	}
	points(t, url, "rows", "400")
}

func TestNodeSnapshotIntoAnEmptyFolder(t *testing.T) {
	url, dir := serving(t), t.TempDir()
	rows(t, url, "one", 100)
	rows(t, url, "two", 200)
	file := filepath.Join(dir, "node.snapshot")
	ok(t, "", "snapshot", "create", "--url", url, "--to", file)
	data := filepath.Join(dir, "data")
	ok(t, "", "snapshot", "restore", file, "--data-dir", data)
	if _, errOut, status := kith(t, "", "snapshot", "restore", file, "--data-dir", data); status != 1 || !strings.Contains(errOut, "not empty") {
		t.Errorf("into a full folder: %d, %s", status, errOut)
	}
	s, _, err := loadSettings("", nil, settingFlags())
	if err != nil {
		t.Fatal(err)
	}
	s.HTTPAddr, s.DiskReserveMiB, s.StorageSnapshot = "127.0.0.1:0", -1, file
	for _, s.DataDir = range []string{data, filepath.Join(dir, "fresh"), filepath.Join(dir, "fresh")} {
		svc, err := start(t.Context(), s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		points(t, "http://"+svc.addr, "one", "100")
		points(t, "http://"+svc.addr, "two", "200")
		if err := svc.stop(s.StopTimeout); err != nil {
			t.Error(err)
		}
	}
}

//go:embed testdata/s3/serve.cjs
var s3Script []byte

const s3Package = "s3rver@3.7.1"

// storage starts an S3 server that is not ours, from npm, and returns its
// endpoint. It is installed once into the user's cache.
func storage(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: the S3 server is an npm package")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "kith-test", s3Package)
	if _, err := os.Stat(filepath.Join(cache, "node_modules", ".package-lock.json")); err != nil {
		if out, err := exec.CommandContext(t.Context(), "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", cache, s3Package).CombinedOutput(); err != nil {
			t.Fatalf("install %s: %v\n%s", s3Package, err, out)
		}
	}
	script := filepath.Join(cache, "serve.cjs")
	if err := os.WriteFile(script, s3Script, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "node", script, t.TempDir(), "backups")
	c.Stderr = t.Output()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), c.Wait()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the S3 server did not start: %v", err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}

func TestSnapshotsInStorage(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "S3RVER")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "S3RVER")
	t.Setenv("AWS_ENDPOINT_URL", storage(t))
	t.Setenv("AWS_REGION", "us-east-1")
	url := serving(t)
	rows(t, url, "rows", 300)
	const at = "s3://backups/kith/rows.snapshot"
	of := []string{"--url", url, "-c", "rows"}
	ok(t, "", with(of, "snapshot", "create", "--to", at)...)
	if out := ok(t, "", with(of, "snapshot", "list")...); strings.Contains(out, ".snapshot") {
		t.Errorf("it stayed on the server too: %s", out)
	}
	if out := ok(t, "", "snapshot", "list", "s3://backups/kith/"); !strings.Contains(out, at) {
		t.Errorf("list says %s", out)
	}
	if out := ok(t, "", "snapshot", "verify", at); !strings.Contains(out, "is whole") {
		t.Errorf("verify says %s", out)
	}
	ok(t, "", "collection", "delete", "rows", "--url", url)
	ok(t, "", with(of, "snapshot", "restore", at)...)
	points(t, url, "rows", "300")
	ok(t, "", "snapshot", "create", "--url", url, "--to", "s3://backups/node.snapshot")
	ok(t, "", "snapshot", "restore", "s3://backups/node.snapshot", "--data-dir", filepath.Join(t.TempDir(), "data"))
	for _, args := range [][]string{{"snapshot", "verify", "s3://backups/none"}, {"snapshot", "verify", "s3://nowhere/x"}, {"snapshot", "list", "s3://nowhere/"}, with(of, "snapshot", "create", "--to", "s3://nowhere/x")} {
		if _, errOut, status := kith(t, "", args...); status != 1 || !strings.HasPrefix(errOut, "kith: ") {
			t.Errorf("kith %v: %d, %s", args, status, errOut)
		}
	}
	broken := errors.New("the source broke")
	f := snapshotFlags{storage: bucket.Options{}}
	err := f.write(t.Context(), "s3://backups/half", func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("half an upload: %v", err)
	}
	if out := ok(t, "", "snapshot", "list", "s3://backups/half"); strings.Contains(out, "half") {
		t.Errorf("half of it is there: %s", out)
	}
}

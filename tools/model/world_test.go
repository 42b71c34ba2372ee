package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kithdb/kith/tools/process"
)

// host is a real server that is restarted at will.
type host struct {
	ctx    context.Context
	binary string
	dir    string
	server *process.Server
	made   int // collections
	steps  int // operations that the model and the server did
}

func newHost(t *testing.T) *host {
	t.Helper()
	binary, err := process.Build(t.Context(), "../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &host{ctx: context.Background(), binary: binary, dir: t.TempDir()}
	if err := h.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if h.server == nil { // a start failed
			return
		}
		if err := h.server.Stop(30 * time.Second); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *host) start() (err error) {
	if h.server, err = process.Start(h.ctx, process.Options{Binary: h.binary, DataDir: h.dir}); err != nil {
		return err
	}
	for range 600 { // it listens before it has opened its data
		resp, err := http.Get(h.server.URL() + "/readyz")
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode == 200 {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("the server is not ready after 30 seconds")
}

// restart ends the server, gently or as a power cut would, and starts it again.
func (h *host) restart(kill bool) error {
	end := func() error { return h.server.Stop(30 * time.Second) }
	if kill {
		end = h.server.Kill
	}
	if err := end(); err != nil {
		return err
	}
	return h.start()
}

// call sends a request and answers status, result and message.
func (h *host) call(method, path string, body any) (int, json.RawMessage, string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, "", err
	}
	req, err := http.NewRequestWithContext(h.ctx, method, h.server.URL()+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, "", fmt.Errorf("%s %s: %w\n%s", method, path, err, h.server.Tail())
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, "", err
	}
	var a struct {
		Result json.RawMessage
		Status json.RawMessage
	}
	if err := json.Unmarshal(all, &a); err != nil {
		return 0, nil, "", fmt.Errorf("%s %s: %w in %s", method, path, err, all)
	}
	var status struct{ Error string }
	_ = json.Unmarshal(a.Status, &status) // "ok" is no object
	return resp.StatusCode, a.Result, status.Error, nil
}

// run is one collection on the server and its model.
type run struct {
	*host
	name      string
	aliases   []string
	c         *Collection
	snapshots map[string]*Collection
	taken     []string // names of snapshots, the oldest first
}

// path is below the collection, by its name or one of its aliases.
func (r *run) path(t *rapid.T, rest string) string {
	name := r.name
	if len(r.aliases) > 0 && chance(t, "by alias", 30) {
		name = pick(t, "alias", r.aliases...)
	}
	return "/collections/" + name + rest
}

// do sends a write, which the server takes.
func (r *run) do(t *rapid.T, method, path string, body any) {
	t.Helper()
	status, _, message, err := r.call(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	if status != 200 {
		text, _ := json.Marshal(body)
		t.Fatalf("%s %s: %d %s\nbody: %s", method, path, status, message, text)
	}
	r.steps++
}

// ask sends a read and decodes its result.
func (r *run) ask(t *rapid.T, path string, body, into any) {
	t.Helper()
	status, result, message, err := r.call("POST", r.path(t, path), body)
	text, _ := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if status != 200 {
		t.Fatalf("%s: %d %s\nbody: %s", path, status, message, text)
	}
	d := json.NewDecoder(bytes.NewReader(result))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v in %s", path, err, result)
	}
}

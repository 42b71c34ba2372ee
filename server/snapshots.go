package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/server/fetch"
	"github.com/kithdb/kith/server/vault"
	"github.com/kithdb/kith/server/wire"
)

// snapshots is what the endpoints of snapshots share: the files, the way out to
// URLs, and the jobs that outlive their requests.
type snapshots struct {
	vault   *vault.Vault
	fetch   *fetch.Fetcher
	timeout time.Duration
	ctx     context.Context // ends with the server
	stop    context.CancelFunc
	jobs    sync.WaitGroup
}

func newSnapshots(o Options) *snapshots {
	s := &snapshots{timeout: o.SnapshotTimeout,
		fetch: fetch.New(fetch.Options{Allowed: o.SnapshotURLs, Private: o.SnapshotPrivateURLs, MaxBytes: o.MaxSnapshot, Timeout: o.SnapshotTimeout})}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// open opens the folder of snapshots, by default in the node's data directory.
func (s *snapshots) open(node *cluster.Node, dir string) (err error) {
	if dir == "" {
		dir = filepath.Join(node.Dir(), "snapshots")
	}
	if s.vault, err = vault.Open(dir, node.Room); err != nil {
		return fmt.Errorf("folder of snapshots: %w", err)
	}
	return nil
}

func (t *routes) addSnapshots(on func(method, pattern string, needs need, do func(*call) error)) {
	const ofCollection, ofShard = "/collections/{name}", "/collections/{name}/shards/{shard}"
	for _, at := range []string{ofCollection, ofShard} {
		on("GET", at+"/snapshots", export, (*call).listSnapshots)
		on("POST", at+"/snapshots", alter, (*call).createSnapshot)
		on("PUT", at+"/snapshots/recover", manage, (*call).recoverSnapshot)
		on("DELETE", at+"/snapshots/{snapshot}", alter, (*call).deleteSnapshot)
		t.add("GET", at+"/snapshots/{snapshot}", &route{do: (*call).downloadSnapshot, needs: export, plain: true})
		t.add("POST", at+"/snapshots/upload", &route{do: (*call).uploadSnapshot, needs: manage, plain: true})
	}
	t.add("GET", ofShard+"/snapshot", &route{do: (*call).streamShard, needs: export, plain: true})
	on("GET", "/snapshots", readNode, (*call).listSnapshots)
	on("POST", "/snapshots", manage, (*call).createSnapshot)
	on("DELETE", "/snapshots/{snapshot}", manage, (*call).deleteSnapshot)
	t.add("GET", "/snapshots/{snapshot}", &route{do: (*call).downloadSnapshot, needs: readNode, plain: true})
}

// snapshotPlace is whose snapshots the path means. There may be no collection of
// that name any more, or not yet: its snapshots outlive it.
func (c *call) snapshotPlace() (vault.Place, error) {
	path := split(string(c.URI().PathOriginal()))
	if path[0] != "collections" {
		return vault.Node, nil
	}
	p := vault.Place{Collection: c.params[0], Shard: cluster.WholeCollection}
	if col, err := c.collection(); err == nil {
		p.Collection = col.Name()
	} else if err := checkName("collection_name", p.Collection); err != nil {
		return p, err
	}
	if len(path) < 4 || path[2] != "shards" {
		return p, nil
	}
	n, err := strconv.ParseUint(c.params[1], 10, 31)
	if err != nil {
		return p, &api.Error{Status: fasthttp.StatusBadRequest, Field: "shard_id", Message: fmt.Sprintf("shard_id: %q is not the number of a shard", c.params[1])}
	}
	p.Shard = int(n)
	return p, nil
}

// existing is the place of a collection or shard that is there.
func (c *call) existing() (vault.Place, error) {
	p, err := c.snapshotPlace()
	if err != nil || p.Collection == "" {
		return p, err
	}
	col, err := c.collection()
	if err != nil {
		return p, err
	}
	if n := int(col.Schema().ShardNumber); p.Shard >= n {
		return p, &api.Error{Status: fasthttp.StatusNotFound, Message: fmt.Sprintf("Not found: Shard %d of collection `%s` doesn't exist: it has %d", p.Shard, p.Collection, n)}
	}
	return p, nil
}

func (c *call) listSnapshots() error {
	p, err := c.existing()
	if err != nil {
		return err
	}
	files, err := c.s.snapshots.vault.List(p)
	if err != nil {
		return err
	}
	out := make([]api.SnapshotDescription, len(files))
	for i, f := range files {
		out[i] = description(f)
	}
	return c.json(out)
}

func description(f vault.File) api.SnapshotDescription {
	at := f.Created.Format("2006-01-02T15:04:05")
	d := api.SnapshotDescription{Name: f.Name, CreationTime: &at, Size: f.Size}
	if f.Checksum != "" {
		d.Checksum = &f.Checksum
	}
	return d
}

// waits says whether the request waits for the end; here that is the default.
func (c *call) waits() (bool, error) {
	switch text := c.arg("wait"); text {
	case "", "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, c.badArg("wait", fmt.Sprintf("%q is neither true nor false", text))
	}
}

// job does what may take long, within the time for snapshots and not the
// request's. Without wait it goes on behind, and 202 is answered.
func (c *call) job(do func(ctx context.Context) error) error {
	wait, err := c.waits()
	if err != nil {
		return err
	}
	s := c.s.snapshots
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	if wait {
		defer cancel()
		return do(ctx)
	}
	log, name := c.s.log, string(c.Path())
	s.jobs.Go(func() {
		defer cancel()
		if err := do(ctx); err != nil {
			log.Error("a snapshot job failed", "path", name, "error", err)
		}
	})
	c.accepted = true
	return nil
}

func (c *call) createSnapshot() error {
	p, err := c.existing()
	if err != nil {
		return err
	}
	node, s := c.s.node, c.s.snapshots
	var made vault.File
	err = c.job(func(ctx context.Context) (err error) {
		d, err := s.vault.Draft(ctx, p)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.Discard()) }()
		if err := writeSnapshot(ctx, node, p, d); err != nil {
			return err
		}
		made, err = d.Keep(p.Name(time.Now()))
		return err
	})
	if err != nil || c.accepted {
		return err
	}
	return c.json(description(made))
}

func writeSnapshot(ctx context.Context, node *cluster.Node, p vault.Place, w io.Writer) error {
	if p.Collection == "" {
		return node.SnapshotNode(ctx, w)
	}
	return node.Snapshot(ctx, p.Collection, p.Shard, w)
}

// snapshotName is the name at the end of the path.
func (c *call) snapshotName() string { return c.params[len(c.params)-1] }

func (c *call) deleteSnapshot() error {
	p, err := c.snapshotPlace()
	if err != nil {
		return err
	}
	name, v := c.snapshotName(), c.s.snapshots.vault
	if err := c.job(func(context.Context) error { return v.Delete(p, name) }); err != nil || c.accepted {
		return err
	}
	return c.ok()
}

func (c *call) downloadSnapshot() error {
	p, err := c.snapshotPlace()
	if err != nil {
		return err
	}
	f, about, err := c.s.snapshots.vault.Open(p, c.snapshotName())
	if err != nil {
		return err
	}
	c.attach(about.Name)
	c.SetBodyStream(f, int(about.Size))
	return nil
}

func (c *call) attach(name string) {
	c.SetContentType("application/octet-stream")
	c.Response.Header.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(name))
}

// streamShard answers a shard's snapshot as it is made. A failure cuts the
// connection, so that half a snapshot is never taken for one.
func (c *call) streamShard() error {
	p, err := c.existing()
	if err != nil {
		return err
	}
	s, node := c.s.snapshots, c.s.node
	r, w := io.Pipe()
	s.jobs.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
		defer cancel()
		w.CloseWithError(writeSnapshot(ctx, node, p, w))
	})
	c.attach(p.Name(time.Now()))
	c.SetBodyStream(r, -1)
	return nil
}

func (c *call) recoverSnapshot() error {
	p, err := c.snapshotPlace()
	if err != nil {
		return err
	}
	r, err := wire.SnapshotRecover(c.body)
	if err != nil {
		return err
	}
	node, s := c.s.node, c.s.snapshots
	err = c.job(func(ctx context.Context) (err error) {
		source, done, err := s.locate(ctx, p, r)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		return node.Recover(ctx, p.Collection, p.Shard, source)
	})
	if err != nil || c.accepted {
		return err
	}
	return c.ok()
}

// locate opens what a location names, and checks its checksum. Call done after.
func (s *snapshots) locate(ctx context.Context, p vault.Place, r wire.Recovery) (source io.Reader, done func() error, err error) {
	at, perr := url.Parse(r.Location)
	if perr == nil && (at.Scheme == "http" || at.Scheme == "https") {
		return s.download(ctx, p, at, r)
	}
	f, err := s.local(p, at, r.Location)
	if err != nil {
		return nil, nil, err
	}
	if err := vault.CheckFile(ctx, f, r.Checksum); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, f.Close, nil
}

// local opens a snapshot in the folder of snapshots.
func (s *snapshots) local(p vault.Place, at *url.URL, location string) (*os.File, error) {
	if at != nil && at.Scheme == "file" {
		if at.Host != "" && at.Host != "localhost" {
			return nil, fmt.Errorf("%w: location %.200q names a host", vault.ErrName, location)
		}
		return s.vault.OpenPath(at.Path)
	}
	if strings.ContainsAny(location, "/\\:") {
		return nil, fmt.Errorf("%w: location %.200q: give the name of a snapshot, a file:// URL in the folder of snapshots, or an http(s) URL", vault.ErrName, location)
	}
	f, _, err := s.vault.Open(p, location)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (s *snapshots) download(ctx context.Context, p vault.Place, at *url.URL, r wire.Recovery) (io.Reader, func() error, error) {
	d, err := s.vault.Draft(ctx, vault.Node)
	if err != nil {
		return nil, nil, err
	}
	err = s.fetch.Fetch(ctx, at, r.APIKey, d)
	if err == nil {
		err = d.CheckSum(r.Checksum)
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.Discard())
	}
	source, err := d.Reader()
	return source, d.Discard, err
}

// checkPriority accepts what the contract knows; one node has one source of
// truth.
func (c *call) checkPriority() error {
	p := c.arg("priority")
	if p != "" && !slices.Contains(wire.Priorities, p) {
		return c.badArg("priority", fmt.Sprintf("%q is none of %s", p, strings.Join(wire.Priorities, ", ")))
	}
	return nil
}

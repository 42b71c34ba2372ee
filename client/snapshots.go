package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/kithdb/kith/server/api"
)

// SnapshotsOf says whose snapshots a call is about; the zero value is the whole
// node's.
type SnapshotsOf struct {
	collection string
	shard      string
}

// OfCollection are the snapshots of a collection.
func OfCollection(name string) SnapshotsOf { return SnapshotsOf{collection: name} }

// OfShard are the snapshots of a collection's shard, from 0.
func OfShard(collection string, shard int) SnapshotsOf {
	return SnapshotsOf{collection: collection, shard: strconv.Itoa(shard)}
}

func (of SnapshotsOf) path(rest ...string) string {
	segments := []string{"snapshots"}
	switch {
	case of.shard != "":
		segments = []string{"collections", of.collection, "shards", of.shard, "snapshots"}
	case of.collection != "":
		segments = []string{"collections", of.collection, "snapshots"}
	}
	return path(append(segments, rest...)...)
}

// CreateSnapshot makes a snapshot on the server and waits for it.
func (c *Client) CreateSnapshot(ctx context.Context, of SnapshotsOf) (api.SnapshotDescription, error) {
	var made api.SnapshotDescription
	err := c.do(ctx, call{method: http.MethodPost, path: of.path()}, &made)
	return made, err
}

// Snapshots lists the snapshots that the server keeps.
func (c *Client) Snapshots(ctx context.Context, of SnapshotsOf) ([]api.SnapshotDescription, error) {
	var list []api.SnapshotDescription
	err := c.get(ctx, of.path(), &list)
	return list, err
}

// DeleteSnapshot removes a snapshot from the server.
func (c *Client) DeleteSnapshot(ctx context.Context, of SnapshotsOf, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: of.path(name)}, nil)
}

// DownloadSnapshot writes a snapshot to w and returns its SHA-256 in hex. It is
// not repeated: w may have half of it after an error.
func (c *Client) DownloadSnapshot(ctx context.Context, of SnapshotsOf, name string, w io.Writer) (checksum string, err error) {
	k := call{method: http.MethodGet, path: of.path(name)}
	resp, err := c.stream(ctx, k, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), resp.Body)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", k.method, k.path, err)
	}
	if resp.ContentLength >= 0 && n != resp.ContentLength {
		return "", fmt.Errorf("%s %s: %d bytes came of %d", k.method, k.path, n, resp.ContentLength)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// UploadSnapshot sends a snapshot and recovers the collection or shard from it;
// a collection that does not exist is made. checksum is its SHA-256 in hex, or
// "" for none. It is not repeated.
func (c *Client) UploadSnapshot(ctx context.Context, of SnapshotsOf, r io.Reader, checksum string) error {
	query := url.Values{"wait": {"true"}, "priority": {"snapshot"}}
	if checksum != "" {
		query.Set("checksum", checksum)
	}
	resp, err := c.stream(ctx, call{method: http.MethodPost, path: of.path("upload"), query: query}, io.NopCloser(r)) // r stays the caller's to close
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// RecoverSnapshot recovers a collection or shard from a snapshot that the server
// has or can fetch.
func (c *Client) RecoverSnapshot(ctx context.Context, of SnapshotsOf, from api.SnapshotRecover) error {
	return c.send(ctx, call{method: http.MethodPut, path: of.path("recover"), query: waitQuery(true)}, from, nil)
}

// stream sends a call whose body or answer is not held in memory.
func (c *Client) stream(ctx context.Context, k call, body io.Reader) (*http.Response, error) {
	target := c.base + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, body)
	if err != nil {
		return nil, err
	}
	c.header(req)
	if body != nil {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &transportError{err}
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, &transportError{err}
	}
	return nil, failure(k, resp, text)
}

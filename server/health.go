package server

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/prometheus/common/expfmt"
	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/docs"
	"github.com/kithdb/kith/server/api"
)

func (c *call) healthy() error {
	c.SetContentType("text/plain; charset=utf-8")
	c.SetBodyString("healthz check passed")
	return nil
}

// readiness answers 503 until the node is open, and again when it takes no
// writes.
func (c *call) readiness() error {
	c.SetContentType("text/plain; charset=utf-8")
	err := c.s.notReady()
	if err == nil {
		err = c.s.node.Ready()
	}
	if err != nil {
		c.SetStatusCode(fasthttp.StatusServiceUnavailable)
		c.SetBodyString("not ready: " + err.Error())
		return nil
	}
	c.SetBodyString("all shards are ready")
	return nil
}

// notReady says that the node is still being opened.
func (s *Server) notReady() error {
	if s.ready.Load() {
		return nil
	}
	return fmt.Errorf("%w: the node is starting", cluster.ErrNotReady)
}

func (c *call) version() error {
	text, err := json.Marshal(api.Version{
		Title: "kith - vector database", Version: api.ContractVersion, Commit: c.s.o.Commit, KithVersion: c.s.o.Version,
	})
	c.SetContentType("application/json")
	c.SetBody(text)
	return err
}

// document answers the description of the API.
func (c *call) document() error {
	c.SetContentType("application/yaml")
	c.SetBody(docs.OpenAPI)
	return nil
}

// scrape writes the node's figures. They name no collection, so that there is
// nothing to hide, and nothing to tell by collection.
func (c *call) scrape() error {
	for _, name := range []string{"anonymize", "per_collection"} {
		if _, err := c.flag(name); err != nil {
			return err
		}
	}
	families, err := c.s.metrics.registry.Gather()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	w := expfmt.NewEncoder(&out, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := w.Encode(f); err != nil {
			return err
		}
	}
	c.SetContentType(string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	c.SetBody(out.Bytes())
	return nil
}

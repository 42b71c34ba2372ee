package server

import (
	"bytes"
	"encoding/json"

	"github.com/prometheus/common/expfmt"

	"github.com/kithdb/kith/server/api"
)

func (c *call) healthy() error {
	c.SetContentType("text/plain; charset=utf-8")
	c.SetBodyString("healthz check passed")
	return nil
}

func (c *call) version() error {
	text, err := json.Marshal(api.Version{
		Title: "kith - vector database", Version: api.ContractVersion, Commit: c.s.o.Commit, KithVersion: c.s.o.Version,
	})
	c.SetContentType("application/json")
	c.SetBody(text)
	return err
}

func (c *call) scrape() error {
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

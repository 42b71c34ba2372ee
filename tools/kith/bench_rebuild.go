package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/server/api"
)

// besideBuild asks as one client before, while and after the index is built anew,
// which the collection shows by not being green.
func (b *httpBench) besideBuild(c *cobra.Command, t *target) error {
	ctx := c.Context()
	before, err := t.query(ctx, demand{clients: 1, ef: b.ef, seconds: b.seconds})
	if err != nil {
		return err
	}
	before.Stage = "before a rebuild"
	if err := emit(c, b.output, before); err != nil {
		return err
	}
	if err := t.change(ctx); err != nil {
		return err
	}
	beside, err := t.whileBuilt(ctx, b.ef)
	if err != nil {
		return err
	}
	beside.Stage, beside.OverCalm = "beside a rebuild", beside.P99us/before.P99us
	return emit(c, b.output, beside)
}

// change has the server build its index anew: another ef_construct is another index.
func (t *target) change(ctx context.Context) error {
	info, err := t.kith.Collection(ctx, t.collection)
	if err != nil {
		return err
	}
	var now struct {
		EfConstruct int `json:"ef_construct"`
	}
	if err := json.Unmarshal(info.Config.HNSWConfig, &now); err != nil {
		return err
	}
	change, err := json.Marshal(map[string]int{"ef_construct": now.EfConstruct + 1})
	if err != nil {
		return err
	}
	return t.kith.UpdateCollection(ctx, t.collection, api.UpdateCollection{HNSWConfig: change})
}

// whileBuilt lets one client ask until the collection is green.
func (t *target) whileBuilt(ctx context.Context, ef int) (*report, error) {
	green := make(chan error, 1)
	go func() { green <- t.kith.WaitGreen(ctx, t.collection, 100*time.Millisecond) }()
	var built error
	done := false
	r, err := t.query(ctx, demand{clients: 1, ef: ef, until: func() bool {
		select {
		case built = <-green:
			done = true
		default:
		}
		return done
	}})
	return r, errors.Join(err, built)
}

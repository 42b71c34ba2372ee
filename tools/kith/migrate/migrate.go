// Package migrate copies collections into a Kith: from a server that speaks the
// same contract, or from PostgreSQL tables with pgvector columns.
//
// Who calls: tools/kith. What it calls: client for the target, and a Source.
// Everything that it needs to go on after a break is in a small state file; the
// source is only read.
//
// # Guarantee
//
// A collection is done when every point of the source was written (durably:
// wait=true), then read from both sides again and found equal, and when both
// sides count the same. Equal means the same id, the same payload as JSON, and
// vectors that differ by no more than the rounding of their stored type.
package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

// Index is a payload index to make on the target.
type Index struct {
	Field  string
	Schema json.RawMessage // a kind's name or an object, as the contract has it
}

// Collection is one collection of a source: how to make it, and what else it
// needs once the points are there.
type Collection struct {
	Name    string
	Spec    client.CollectionSpec
	Indexes []Index
	Aliases []string
	// Strict is the strict mode, set last: it might refuse the copy itself.
	Strict json.RawMessage
	// Skipped names the vectors that are left behind, since Kith has no place
	// for their kind yet.
	Skipped []string
}

// Page is some points in the source's order, and where to go on.
type Page struct {
	Points []client.Point
	Next   string // "" at the end
}

// Source is what can be copied.
//
// Concurrency: one goroutine.
type Source interface {
	// Name says what the source is, without secrets; the state file keeps it.
	Name() string
	// Collections describes what there is, or the named ones alone.
	Collections(ctx context.Context, names []string) ([]Collection, error)
	Count(ctx context.Context, collection string) (int, error)
	// Page reads up to limit points from where on; "" is the start.
	Page(ctx context.Context, c *Collection, where string, limit int) (Page, error)
	Close(ctx context.Context) error
}

// Options says how to migrate. Target is required.
type Options struct {
	Target      *client.Client
	Collections []string          // of the source; empty: all
	Rename      map[string]string // names on the target
	Batch       int               // points per request; 0: 256
	State       *State
	Append      bool // write into collections that are there already
	Verify      bool // read both sides again and compare
	// Progress is called after every batch; nil is fine.
	Progress func(Progress)
}

// Progress says how far one collection is.
type Progress struct {
	Collection  string
	Step        string // copy or verify
	Done, Total int    // points
}

// Report is what became of one collection.
type Report struct {
	Collection string   `json:"collection"` // on the target
	Source     string   `json:"source"`
	Points     int      `json:"points"`
	Resumed    bool     `json:"resumed"`
	Verified   bool     `json:"verified"`
	Checksum   string   `json:"checksum,omitempty"` // over all points, whatever their order
	Skipped    []string `json:"skipped_vectors,omitempty"`
}

// migration is one run.
type migration struct {
	Options
	src Source
}

// Run copies the collections one after the other. The reports of those that are
// done come back also when a later one fails.
func Run(ctx context.Context, src Source, o Options) ([]Report, error) {
	if o.Batch == 0 {
		o.Batch = 256
	}
	m := &migration{Options: o, src: src}
	list, err := src.Collections(ctx, o.Collections)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no collections", src.Name())
	}
	var reports []Report
	for i := range list {
		r, err := m.collection(ctx, &list[i])
		if err != nil {
			return reports, fmt.Errorf("collection %s: %w", list[i].Name, err)
		}
		reports = append(reports, r)
	}
	return reports, nil
}

func (m *migration) target(name string) string {
	if to, ok := m.Rename[name]; ok {
		return to
	}
	return name
}

func (m *migration) collection(ctx context.Context, c *Collection) (Report, error) {
	at := m.State.of(c.Name)
	r := Report{Collection: m.target(c.Name), Source: c.Name, Resumed: at.Copied > 0, Skipped: c.Skipped}
	if err := m.make(ctx, c, at); err != nil {
		return r, err
	}
	if err := m.copy(ctx, c, at); err != nil {
		return r, err
	}
	if err := m.finish(ctx, c, at); err != nil {
		return r, err
	}
	r.Points = at.Copied
	if !m.Verify {
		return r, nil
	}
	sum, err := m.verify(ctx, c)
	if err != nil {
		return r, err
	}
	r.Verified, r.Checksum = true, sum
	return r, nil
}

// make makes the collection unless this migration did before.
func (m *migration) make(ctx context.Context, c *Collection, at *Position) error {
	if at.Made {
		return nil
	}
	name := m.target(c.Name)
	err := m.Target.CreateCollection(ctx, name, c.Spec)
	if errors.Is(err, client.ErrExists) {
		if !m.Append {
			return fmt.Errorf("the target has a collection %s already: delete it, use --rename %s=OTHER, or add to it with --append", name, c.Name)
		}
		err = nil
	}
	if err != nil {
		return fmt.Errorf("make it on the target: %w", err)
	}
	at.Made = true
	return m.State.save()
}

// copy writes page after page. The next page is read while one is written.
func (m *migration) copy(ctx context.Context, c *Collection, at *Position) error {
	if at.Done {
		return nil
	}
	total, err := m.src.Count(ctx, c.Name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pages := make(chan Page, 1)
	fault := make(chan error, 1)
	go func() { // owner: this call, which drains pages or cancels
		defer close(pages)
		fault <- m.read(ctx, c, at.Next, pages)
	}()
	for p := range pages {
		if err := m.write(ctx, c, p); err != nil {
			cancel()
			<-fault
			return err
		}
		at.Copied += len(p.Points)
		at.Next, at.Done = p.Next, p.Next == ""
		if err := m.State.save(); err != nil {
			cancel()
			<-fault
			return err
		}
		m.tell(Progress{Collection: c.Name, Step: "copy", Done: at.Copied, Total: total})
	}
	return <-fault
}

func (m *migration) read(ctx context.Context, c *Collection, where string, to chan<- Page) error {
	for {
		p, err := m.src.Page(ctx, c, where, m.Batch)
		if err != nil {
			return fmt.Errorf("read from %q on: %w", where, err)
		}
		select {
		case to <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
		if p.Next == "" {
			return nil
		}
		where = p.Next
	}
}

func (m *migration) write(ctx context.Context, c *Collection, p Page) error {
	if len(p.Points) == 0 {
		return nil
	}
	_, err := m.Target.Upsert(ctx, m.target(c.Name), p.Points, client.Visible)
	if err != nil && len(p.Points) > 1 && tooLarge(err) {
		half := len(p.Points) / 2
		return errors.Join(m.write(ctx, c, Page{Points: p.Points[:half]}), m.write(ctx, c, Page{Points: p.Points[half:]}))
	}
	return err
}

// tooLarge says whether a server refused a request for its size.
func tooLarge(err error) bool {
	var answer *client.Error
	return errors.As(err, &answer) && answer.Status == http.StatusRequestEntityTooLarge
}

// finish makes what a collection has beside its points.
func (m *migration) finish(ctx context.Context, c *Collection, at *Position) error {
	if at.Finished {
		return nil
	}
	name := m.target(c.Name)
	for _, ix := range c.Indexes {
		if err := m.Target.CreateIndexWith(ctx, name, ix.Field, ix.Schema); err != nil {
			return fmt.Errorf("payload index %s: %w", ix.Field, err)
		}
	}
	if err := m.alias(ctx, c.Aliases, name); err != nil {
		return err
	}
	if len(c.Strict) > 0 {
		if err := m.Target.UpdateCollection(ctx, name, api.UpdateCollection{StrictModeConfig: c.Strict}); err != nil {
			return fmt.Errorf("strict mode: %w", err)
		}
	}
	at.Finished = true
	return m.State.save()
}

// alias gives the aliases that the target does not have yet.
func (m *migration) alias(ctx context.Context, aliases []string, name string) error {
	have, err := m.Target.CollectionAliases(ctx, name)
	if err != nil {
		return err
	}
	var actions []api.AliasAction
	for _, a := range aliases {
		if !slices.ContainsFunc(have, func(h api.Alias) bool { return h.AliasName == a }) {
			actions = append(actions, api.AliasAction{Create: &api.Alias{AliasName: a, CollectionName: name}})
		}
	}
	if len(actions) == 0 {
		return nil
	}
	return m.Target.ChangeAliases(ctx, actions...)
}

func (m *migration) tell(p Progress) {
	if m.Progress != nil {
		m.Progress(p)
	}
}

package server

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/index/filter"
)

const (
	// mostIssues bounds the issues that are remembered; the oldest goes first.
	mostIssues = 256
	// manyPoints is the least size of a collection whose unindexed filters are
	// worth a word.
	manyPoints = 1000
)

// issue is one finding with what helps.
type issue struct {
	ID          string    `json:"id"`
	Description string    `json:"description"`
	Solution    any       `json:"solution"`
	Timestamp   time.Time `json:"timestamp"`

	collection, field string
}

// issues remembers findings by their id.
type issues struct {
	mu   sync.Mutex
	list []*issue // the oldest first
}

// put remembers a finding; one that is known stays as it is.
func (x *issues) put(i *issue) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if slices.ContainsFunc(x.list, func(have *issue) bool { return have.ID == i.ID }) {
		return
	}
	if len(x.list) == mostIssues {
		x.list = slices.Delete(x.list, 0, 1)
	}
	x.list = append(x.list, i)
}

// settled forgets the findings that holds no longer tells of.
func (x *issues) settled(holds func(*issue) bool) []*issue {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list = slices.DeleteFunc(x.list, func(i *issue) bool { return !holds(i) })
	return slices.Clone(x.list)
}

func (x *issues) clear() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list = nil
}

// slow looks for the reason of a read that took long: fields that its filters
// read and no payload index has.
func (c *call) slow(col *cluster.Collection, reads []asked) {
	if time.Since(c.start) < c.s.o.SlowQuery || !slices.ContainsFunc(reads, func(a asked) bool { return !a.filter.IsZero() }) {
		return
	}
	size, err := col.Sizes(false)
	if err != nil || size.Points < manyPoints {
		return
	}
	have, err := fieldIndexes(col)
	if err != nil {
		return
	}
	for _, a := range reads {
		c.unindexed(col.Name(), a.filter, have)
	}
}

func (c *call) unindexed(collection string, f *filter.Filter, have []fieldIndex) {
	if f.IsZero() {
		return
	}
	for _, w := range wantsOf(f) {
		if !w.met(have) {
			c.s.issues.put(unindexedField(collection, &w, time.Since(c.start)))
		}
	}
}

func unindexedField(collection string, w *want, took time.Duration) *issue {
	var choices []any
	for _, kind := range w.kinds {
		choices = append(choices, object{
			"message": fmt.Sprintf("Create an index on field %q of schema %q in collection %q", w.field, kind, collection),
			"action": object{
				"method": "PUT", "uri": "/collections/" + url.PathEscape(collection) + "/index",
				"headers": object{"content-type": "application/json"},
				"body":    object{"field_name": w.field, "field_schema": kind},
			},
		})
	}
	solution := object{"immediate_choice": choices}
	if len(choices) == 1 {
		solution = object{"immediate": choices[0]}
	}
	return &issue{
		ID:          "UNINDEXED_FIELD/" + collection + "/" + w.field,
		Description: fmt.Sprintf("Unindexed field %q might be slowing queries down in collection %q: a filtered read took %s", w.field, collection, took.Round(time.Millisecond)),
		Solution:    solution, Timestamp: time.Now().UTC(), collection: collection, field: w.field,
	}
}

// listIssues lists what is known to be wrong. A finding goes by itself once its
// collection is gone or its field has an index.
func (c *call) listIssues() error {
	indexed := map[string][]fieldIndex{}
	for _, name := range c.s.node.Names() {
		col, err := c.s.node.Collection(name)
		if err != nil {
			continue // deleted meanwhile
		}
		if indexed[name], err = fieldIndexes(col); err != nil {
			delete(indexed, name)
		}
	}
	list := c.s.issues.settled(func(i *issue) bool {
		have, ok := indexed[i.collection]
		return ok && !slices.ContainsFunc(have, func(ix fieldIndex) bool { return ix.field == i.field })
	})
	out := make([]*issue, 0, len(list))
	out = append(out, list...)
	out = append(out, c.failures()...)
	slices.SortStableFunc(out, func(a, b *issue) int { return strings.Compare(a.ID, b.ID) })
	return c.json(object{"issues": out})
}

// failures are findings that the node's state shows at once.
func (c *call) failures() (out []*issue) {
	for _, name := range c.s.node.Names() {
		col, err := c.s.node.Collection(name)
		if err != nil {
			continue
		}
		info, err := col.Info()
		if err != nil || info.Status.OptimizerError == "" {
			continue
		}
		out = append(out, &issue{
			ID:          "OPTIMIZER_ERROR/" + name,
			Description: fmt.Sprintf("Background work in collection %q failed: %s", name, info.Status.OptimizerError),
			Solution:    object{"refactor": "Mend what the error names (such as a full disk). The work is tried again within a minute, and at the next write to the collection."},
			Timestamp:   time.Now().UTC(),
		})
	}
	for _, g := range c.s.node.Stats().Groups {
		if g.Failed {
			out = append(out, &issue{
				ID:          fmt.Sprintf("LOG_FAILED/%d", g.ID),
				Description: fmt.Sprintf("The log of replica group %d could not be synced and takes no more writes", g.ID),
				Solution:    object{"refactor": "Make sure that the disk is well, then restart the node."},
				Timestamp:   time.Now().UTC(),
			})
		}
	}
	return out
}

func (c *call) clearIssues() error {
	c.s.issues.clear()
	return c.ok()
}

package server

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/server/wire"
)

// maxName is the longest name of a collection or alias, in bytes.
const maxName = 255

// checkName refuses what could not stand in a path or a file name somewhere.
func checkName(field, name string) error {
	problem := ""
	switch {
	case name == "":
		problem = "must not be empty"
	case len(name) > maxName:
		problem = fmt.Sprintf("is %d bytes long, at most %d are allowed", len(name), maxName)
	case name == "." || name == "..":
		problem = "must not be . or .."
	case !utf8.ValidString(name):
		problem = "is not UTF-8"
	case strings.ContainsAny(name, "<>:\"/\\|?*"):
		problem = "must not contain any of < > : \" / \\ | ? *"
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		problem = "must not contain control characters"
	default:
		return nil
	}
	return &api.Error{Status: fasthttp.StatusUnprocessableEntity, Field: field, Message: fmt.Sprintf("Validation error in path: [%s: %q %s]", field, name, problem)}
}

func (c *call) listCollections() error {
	out := api.Collections{Collections: []api.CollectionName{}}
	for _, name := range c.s.node.Names() {
		if c.grant.sees(name) {
			out.Collections = append(out.Collections, api.CollectionName{Name: name})
		}
	}
	return c.json(out)
}

func (c *call) createCollection() error {
	if err := checkName("collection_name", c.params[0]); err != nil {
		return err
	}
	body := c.body
	if len(body) == 0 {
		body = []byte("{}")
	}
	schema, err := wire.CreateCollection(body)
	if err != nil {
		return err
	}
	if err := c.s.node.Create(c.ctx, c.params[0], schema); err != nil {
		return err
	}
	return c.ok()
}

func (c *call) updateCollection() error {
	change, err := wire.UpdateCollection(c.body)
	if err != nil {
		return err
	}
	if _, err := c.s.node.Update(c.ctx, c.params[0], change); err != nil {
		return err
	}
	return c.ok()
}

// deleteCollection answers whether there was one, as the contract has it.
func (c *call) deleteCollection() error {
	existed, err := c.s.node.Delete(c.ctx, c.params[0])
	if err != nil {
		return err
	}
	c.s.rates.forget(c.params[0])
	c.s.stats.forget(c.params[0])
	return c.json(existed)
}

func (c *call) collectionExists() error {
	_, err := c.collection()
	if err != nil && !errors.Is(err, cluster.ErrNotFound) {
		return err
	}
	return c.json(api.Exists{Exists: err == nil})
}

func (c *call) listAliases() error { return c.aliasesOf(func(cluster.Alias) bool { return true }) }

func (c *call) collectionAliases() error {
	col, err := c.collection()
	if err != nil {
		return err
	}
	return c.aliasesOf(func(a cluster.Alias) bool { return a.Collection == col.Name() })
}

func (c *call) aliasesOf(keep func(cluster.Alias) bool) error {
	out := api.Aliases{Aliases: []api.Alias{}}
	for _, a := range c.s.node.Aliases() {
		if keep(a) && c.grant.sees(a.Alias, a.Collection) {
			out.Aliases = append(out.Aliases, api.Alias{AliasName: a.Alias, CollectionName: a.Collection})
		}
	}
	return c.json(out)
}

func (c *call) changeAliases() error {
	actions, err := wire.Aliases(c.body)
	if err != nil {
		return err
	}
	for _, a := range actions {
		name := a.Alias
		if a.Kind == cluster.RenameAlias {
			name = a.NewAlias
		}
		if a.Kind == cluster.DeleteAlias {
			continue
		}
		if err := checkName("alias_name", name); err != nil {
			return err
		}
	}
	if err := c.s.node.ChangeAliases(c.ctx, actions); err != nil {
		return err
	}
	return c.ok()
}

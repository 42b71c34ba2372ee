package server

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server/api"
)

// need is what an endpoint asks of the key that a request carries. Each is one
// line of the contract's table of access.
type need uint8

const (
	// anyKey: every valid key; the handler leaves out what the key may not see.
	anyKey need = iota + 1
	// read: to read the path's collection.
	read
	// write: to change points of the path's collection.
	write
	// alter: to change what belongs to the path's collection beside its points,
	// such as payload indexes, vectors by name and snapshots.
	alter
	// export: to read the path's collection as a whole, as a snapshot.
	export
	// readNode: to read what belongs to no collection, or to all.
	readNode
	// manage: everything.
	manage
)

// administrative tells which calls the audit log has a line for.
func (n need) administrative() bool { return n == alter || n == manage }

// ofCollection tells whether a need is about the collection that the path names.
func (n need) ofCollection() bool { return n == read || n == write || n == alter || n == export }

// mode is how far a grant goes, in one collection or in all.
type mode string

// The words of the contract's access claim.
const (
	reads        mode = "r"
	writes       mode = "rw"
	writesPoints mode = "prw" // reads and changes points, and nothing else
	manages      mode = "m"   // all collections only
)

// grant is what a request's key allows.
type grant struct {
	kind        string          // what the request carried, for the audit log
	subject     string          // who, as a token says
	everywhere  mode            // reads, manages, or "" where collections says
	collections map[string]mode // by the name that the token has
	exists      *valueExists    // what must be stored for the token to be valid
}

// allows refuses what the grant does not cover. names are those of the path's
// collection: as given, and its own where the given one is an alias.
func (g *grant) allows(n need, names ...string) error {
	if g.everywhere == manages || n == anyKey {
		return nil
	}
	if g.everywhere == reads {
		if n == read || n == export || n == readNode {
			return nil
		}
		return forbidden("global manage access is required")
	}
	if !n.ofCollection() {
		return forbidden("global access is required")
	}
	m, ok := g.of(names)
	switch {
	case !ok:
		return forbidden("access to collection `%s` is required", names[0])
	case n == read, m == writes, n == write && m == writesPoints, n == export && m == reads:
		return nil
	case m == writesPoints:
		return forbidden("only points of collection `%s` may be read and changed", names[0])
	}
	return forbidden("write access to collection `%s` is required", names[0])
}

// of is the mode of a collection, by whichever of its names the token has.
func (g *grant) of(names []string) (mode, bool) {
	for _, name := range names {
		if m, ok := g.collections[name]; ok {
			return m, true
		}
	}
	return "", false
}

// sees tells whether a list may show a collection, or what has several names.
func (g *grant) sees(names ...string) bool {
	if g.everywhere != "" {
		return true
	}
	_, ok := g.of(names)
	return ok
}

func forbidden(format string, args ...any) error {
	return &api.Error{Status: fasthttp.StatusForbidden, Message: "Forbidden: " + fmt.Sprintf(format, args...)}
}

func unauthorized(format string, args ...any) error {
	return &api.Error{Status: fasthttp.StatusUnauthorized, Message: fmt.Sprintf(format, args...)}
}

// admit refuses a request whose key does not allow what the endpoint needs.
func (c *call) admit(n need) error {
	if err := c.checkExists(); err != nil {
		return err
	}
	if !n.ofCollection() {
		return c.grant.allows(n)
	}
	if err := c.grant.allows(n, c.namesOf(c.params[0])...); err != nil {
		return err
	}
	return c.strictTimeout()
}

// namesOf is a collection's name as given and, when that is an alias, its own.
func (c *call) namesOf(given string) []string {
	col, err := c.s.node.Collection(given)
	if err != nil || col.Name() == given {
		return []string{given}
	}
	return []string{given, col.Name()}
}

// elsewhere finds a collection that the body names, such as one to look vectors
// or payloads up in. The key must be allowed to read it.
func (c *call) elsewhere(name string) (*cluster.Collection, error) {
	if err := c.grant.allows(read, c.namesOf(name)...); err != nil {
		return nil, err
	}
	return c.s.node.Collection(name)
}

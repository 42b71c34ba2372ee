package cluster

import (
	"context"
	"fmt"
	"maps"
)

// Alias is a second name of a collection.
type Alias struct{ Alias, Collection string }

// AliasKind says what an AliasAction does. The numbers are in the log: never
// renumber.
type AliasKind uint8

const (
	CreateAlias AliasKind = iota + 1 // Alias → Collection; an alias that is there moves
	DeleteAlias                      // Alias
	RenameAlias                      // Alias → NewAlias
)

// AliasAction is one step of a change of aliases.
type AliasAction struct {
	Kind       AliasKind `json:"kind"`
	Alias      string    `json:"alias"`
	NewAlias   string    `json:"new_alias,omitempty"`
	Collection string    `json:"collection,omitempty"`
}

// ChangeAliases does all of the actions in their order, or none. Errors:
// ErrNotFound, ErrExists (an alias cannot have the name of a collection).
func (n *Node) ChangeAliases(ctx context.Context, actions []AliasAction) error {
	if len(actions) == 0 {
		return nil
	}
	if err := n.enter(); err != nil {
		return err
	}
	defer n.writes.Done()
	_, err := n.command(ctx, command{Aliases: actions})
	return err
}

// Aliases lists the aliases by name.
func (n *Node) Aliases() []Alias { return n.meta.aliases() }

// changeAliases works on a copy, so that a failing step leaves nothing behind.
func (c *catalogue) changeAliases(actions []AliasAction) error {
	next := maps.Clone(c.book.Aliases)
	for _, a := range actions {
		if err := c.changeAlias(next, a); err != nil {
			return err
		}
	}
	c.book.Aliases = next
	return nil
}

func (c *catalogue) changeAlias(aliases map[string]string, a AliasAction) error {
	to, there := aliases[a.Alias]
	switch a.Kind {
	case CreateAlias:
		if _, ok := c.book.Collections[a.Collection]; !ok {
			return notFound(a.Collection)
		}
		return c.nameAlias(aliases, a.Alias, a.Collection)
	case DeleteAlias:
		if !there {
			return fmt.Errorf("alias `%s` %w", a.Alias, ErrNotFound)
		}
		delete(aliases, a.Alias)
		return nil
	case RenameAlias:
		if !there {
			return fmt.Errorf("alias `%s` %w", a.Alias, ErrNotFound)
		}
		delete(aliases, a.Alias)
		return c.nameAlias(aliases, a.NewAlias, to)
	}
	return fmt.Errorf("alias action %d is not known", a.Kind)
}

func (c *catalogue) nameAlias(aliases map[string]string, alias, to string) error {
	if _, taken := c.book.Collections[alias]; taken {
		return fmt.Errorf("collection `%s` %w: an alias cannot have the name of a collection", alias, ErrExists)
	}
	aliases[alias] = to
	return nil
}

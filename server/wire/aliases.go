package wire

import "github.com/kithdb/kith/cluster"

// Aliases reads a change of aliases, whose actions come in their order.
func Aliases(body []byte) ([]cluster.AliasAction, error) {
	return whole(body, func(s *scanner, _ string) (out []cluster.AliasAction, err *Error) {
		seen := false
		err = s.object("", func(key string) *Error {
			if key != "actions" {
				return s.unknown(key)
			}
			seen = true
			return s.array(key, func(i int) *Error {
				a, err := s.aliasAction(at(key, i))
				out = append(out, a)
				return err
			})
		})
		if err == nil && !seen {
			err = wrong("actions", "missing")
		}
		return out, err
	})
}

func (s *scanner) aliasAction(field string) (a cluster.AliasAction, err *Error) {
	err = s.object(field, func(key string) *Error {
		name := under(field, key)
		if a.Kind != 0 {
			return wrong(name, "a second action in one object")
		}
		switch key {
		case "create_alias":
			a.Kind = cluster.CreateAlias
			return s.members(name, map[string]*string{"alias_name": &a.Alias, "collection_name": &a.Collection})
		case "delete_alias":
			a.Kind = cluster.DeleteAlias
			return s.members(name, map[string]*string{"alias_name": &a.Alias})
		case "rename_alias":
			a.Kind = cluster.RenameAlias
			return s.members(name, map[string]*string{"old_alias_name": &a.Alias, "new_alias_name": &a.NewAlias})
		}
		return wrong(name, "unknown action; use create_alias, delete_alias or rename_alias")
	})
	if err == nil && a.Kind == 0 {
		err = wrong(field, "an action is missing")
	}
	return a, err
}

// members eats an object whose members are required strings.
func (s *scanner) members(field string, want map[string]*string) *Error {
	err := s.object(field, func(key string) (err *Error) {
		to, ok := want[key]
		if !ok {
			return s.unknown(under(field, key))
		}
		*to, err = s.text(under(field, key))
		return err
	})
	if err != nil {
		return err
	}
	for key, to := range want {
		if *to == "" {
			return wrong(under(field, key), "missing")
		}
	}
	return nil
}

package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/query"
)

// leeway is by how much clocks may differ when a token's time is over.
const leeway = 30 * time.Second

// tokens reads JSON Web Tokens that are signed with the API key.
type tokens struct {
	parser *jwt.Parser
	secret []byte
}

func newTokens(secret string) *tokens {
	// Only HS256: a token must not choose how it is checked.
	return &tokens{secret: []byte(secret), parser: jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithLeeway(leeway))}
}

// claims is the body of a token. Access stays as it is until the signature is
// known to be right.
type claims struct {
	jwt.RegisteredClaims
	Access      json.RawMessage `json:"access"`
	ValueExists *valueExists    `json:"value_exists"`
	Who         string          `json:"subject"`
}

// valueExists names points, at least one of which must be there for the token
// to be valid: deleting them takes the token back.
type valueExists struct {
	Collection string       `json:"collection"`
	Matches    []valueMatch `json:"matches"`
}

type valueMatch struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// grant reads a token. A signature that does not fit and a time that is over
// are 403, as the contract has them; what is no token of ours is 401.
func (t *tokens) grant(text string) (*grant, error) {
	var c claims
	_, err := t.parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return t.secret, nil })
	switch {
	case err == nil:
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, forbidden("the token has expired")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid) && !errors.Is(err, jwt.ErrTokenMalformed) && isHS256(text):
		return nil, forbidden("the token's signature is not valid")
	default:
		return nil, unauthorized("Invalid API key or JWT")
	}
	g, err := c.grant()
	if err != nil {
		return nil, unauthorized("Invalid JWT: %v", err)
	}
	return g, nil
}

// isHS256 tells a wrong signature from an algorithm that is not taken, for which
// the library has the same error.
func isHS256(text string) bool {
	token, _, err := jwt.NewParser().ParseUnverified(text, jwt.MapClaims{})
	return err == nil && token.Method.Alg() == "HS256"
}

func (c *claims) grant() (*grant, error) {
	g := &grant{kind: "jwt", subject: c.Who, exists: c.ValueExists}
	if g.subject == "" {
		g.subject = c.Subject
	}
	if v := c.ValueExists; v != nil {
		if v.Collection == "" {
			return nil, errors.New("value_exists.collection: missing")
		}
		if _, err := v.filter(); err != nil {
			return nil, err
		}
	}
	return g, g.readAccess(c.Access)
}

// readAccess reads the access claim: a word for all collections, or a list of
// them. A token without one may do everything.
func (g *grant) readAccess(text json.RawMessage) error {
	if len(text) == 0 || string(text) == "null" {
		g.everywhere = manages
		return nil
	}
	if json.Unmarshal(text, &g.everywhere) == nil {
		if g.everywhere != reads && g.everywhere != manages {
			return fmt.Errorf("access: %q is neither r nor m nor a list of collections", g.everywhere)
		}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return errors.New("access: expected r, m or a list of collections")
	}
	g.collections = make(map[string]mode, len(list))
	for i, entry := range list {
		if err := g.readEntry(entry); err != nil {
			return fmt.Errorf("access[%d]%w", i, err)
		}
	}
	return nil
}

// readEntry reads the access to one collection. A member that this version does
// not know may be a restriction, so that it is refused.
func (g *grant) readEntry(text json.RawMessage) error {
	var e struct {
		Collection string          `json:"collection"`
		Access     mode            `json:"access"`
		Payload    json.RawMessage `json:"payload"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return fmt.Errorf(": %w", err)
	}
	if e.Payload != nil && string(e.Payload) != "null" {
		return errors.New(".payload: payload restrictions are not supported any more; give each tenant a collection, or filter in your application")
	}
	if e.Collection == "" {
		return errors.New(".collection: missing")
	}
	if e.Access != reads && e.Access != writes && e.Access != writesPoints {
		return fmt.Errorf(".access: %q is none of r, rw, prw", e.Access)
	}
	if _, twice := g.collections[e.Collection]; twice {
		return fmt.Errorf(".collection: %q is given twice", e.Collection)
	}
	g.collections[e.Collection] = e.Access
	return nil
}

// filter is what a point must match.
func (v *valueExists) filter() (*filter.Filter, error) {
	text := []byte(`{"must":[`)
	for i, m := range v.Matches {
		if i > 0 {
			text = append(text, ',')
		}
		key, err := json.Marshal(m.Key)
		if err != nil {
			return nil, err
		}
		if len(m.Value) == 0 {
			return nil, errors.New("value_exists.matches[" + strconv.Itoa(i) + "].value: missing")
		}
		text = fmt.Appendf(text, `{"key":%s,"match":{"value":%s}}`, key, m.Value)
	}
	f, err := filter.Parse(append(text, `]}`...))
	if err != nil {
		return nil, fmt.Errorf("value_exists.matches: %w", err)
	}
	return f, nil
}

// checkExists looks for the point that the request's token is tied to.
func (c *call) checkExists() error {
	v := c.grant.exists
	if v == nil {
		return nil
	}
	f, err := v.filter()
	if err != nil {
		return unauthorized("Invalid JWT: %v", err)
	}
	col, err := c.s.node.Collection(v.Collection)
	if errors.Is(err, cluster.ErrNotFound) {
		return forbidden("Invalid JWT, stateful validation failed")
	}
	if err != nil {
		return err
	}
	shards, err := col.Shards(c.ctx, false)
	if err != nil {
		return err
	}
	points, _, err := query.Scroll(c.ctx, shards, &query.ScrollRequest{Filter: f, Limit: 1})
	if err != nil {
		return err
	}
	if len(points) == 0 {
		return unauthorized("Invalid JWT, stateful validation failed")
	}
	return nil
}

package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/server/api"
)

// keys compares API keys by their hashes, so that neither their length nor
// their content shows in the time it takes.
type keys struct {
	asked    bool
	full     [sha256.Size]byte
	readOnly [sha256.Size]byte
	hasFull  bool
	hasRead  bool
}

func newKeys(o Options) keys {
	return keys{
		asked: o.APIKey != "" || o.ReadOnlyAPIKey != "",
		full:  sha256.Sum256([]byte(o.APIKey)), hasFull: o.APIKey != "",
		readOnly: sha256.Sum256([]byte(o.ReadOnlyAPIKey)), hasRead: o.ReadOnlyAPIKey != "",
	}
}

// check admits a request by its key. With only a read-only key set, writes need
// no key of their own and are refused to everybody.
func (k *keys) check(ctx *fasthttp.RequestCtx, write bool) error {
	if !k.asked {
		return nil
	}
	given := sha256.Sum256([]byte(bearer(ctx)))
	full := subtle.ConstantTimeCompare(given[:], k.full[:]) == 1 && k.hasFull
	read := subtle.ConstantTimeCompare(given[:], k.readOnly[:]) == 1 && k.hasRead
	switch {
	case full, read && !write:
		return nil
	case read:
		return &api.Error{Status: fasthttp.StatusForbidden, Message: "Forbidden: the API key may only read"}
	}
	return &api.Error{Status: fasthttp.StatusUnauthorized, Message: "Must provide an API key or an Authorization bearer token"}
}

func bearer(ctx *fasthttp.RequestCtx) string {
	if key := ctx.Request.Header.Peek("api-key"); len(key) > 0 {
		return string(key)
	}
	scheme, token, _ := strings.Cut(string(ctx.Request.Header.Peek("Authorization")), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return ""
}

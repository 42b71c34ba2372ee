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

// check admits a request by its key. With only a read-only key set, nobody may
// write.
func (k *keys) check(h *fasthttp.RequestHeader, write bool) error {
	if !k.asked {
		return nil
	}
	switch full, read := k.match(h); {
	case full, read && !write:
		return nil
	case read:
		return &api.Error{Status: fasthttp.StatusForbidden, Message: "Forbidden: the API key may only read"}
	}
	return &api.Error{Status: fasthttp.StatusUnauthorized, Message: "Must provide an API key or an Authorization bearer token"}
}

// match tells which keys a request carries.
func (k *keys) match(h *fasthttp.RequestHeader) (full, read bool) {
	given := sha256.Sum256([]byte(bearer(h)))
	full = subtle.ConstantTimeCompare(given[:], k.full[:]) == 1 && k.hasFull
	read = subtle.ConstantTimeCompare(given[:], k.readOnly[:]) == 1 && k.hasRead
	return full, read
}

// strangerBody is how much a request without a key may send, in bytes.
const strangerBody = 1024

// limits is asked once a request's header is here: whoever has no key gets no
// memory for a body.
func (s *Server) limits(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if s.keys.check(h, false) != nil {
		return fasthttp.RequestConfig{MaxRequestBodySize: min(strangerBody, s.o.MaxBody)}
	}
	return fasthttp.RequestConfig{}
}

func bearer(h *fasthttp.RequestHeader) string {
	if key := h.Peek("api-key"); len(key) > 0 {
		return string(key)
	}
	scheme, token, _ := strings.Cut(string(h.Peek("Authorization")), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return ""
}

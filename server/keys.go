package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/valyala/fasthttp"
)

// keys compares API keys by their hashes, so that neither their length nor
// their content shows in the time it takes.
type keys struct {
	asked    bool
	full     [sha256.Size]byte
	readOnly [sha256.Size]byte
	hasFull  bool
	hasRead  bool
	tokens   *tokens // nil: no tokens are taken
}

func newKeys(o Options) keys {
	k := keys{
		asked: o.APIKey != "" || o.ReadOnlyAPIKey != "",
		full:  sha256.Sum256([]byte(o.APIKey)), hasFull: o.APIKey != "",
		readOnly: sha256.Sum256([]byte(o.ReadOnlyAPIKey)), hasRead: o.ReadOnlyAPIKey != "",
	}
	if o.JWT && o.APIKey != "" {
		k.tokens = newTokens(o.APIKey)
	}
	return k
}

// The grants of those who need no token. They never change.
var (
	openToAll = &grant{kind: "none", everywhere: manages}
	byKey     = &grant{kind: "api-key", everywhere: manages}
	byReadKey = &grant{kind: "read-only-key", everywhere: reads}
)

// identify tells what a request's key allows. With only a read-only key set,
// nobody may write.
func (k *keys) identify(h *fasthttp.RequestHeader) (*grant, error) {
	if !k.asked {
		return openToAll, nil
	}
	text := bearer(h)
	if text == "" {
		return nil, unauthorized("Must provide an API key or an Authorization bearer token")
	}
	given := sha256.Sum256([]byte(text))
	full := subtle.ConstantTimeCompare(given[:], k.full[:]) == 1 && k.hasFull
	readOnly := subtle.ConstantTimeCompare(given[:], k.readOnly[:]) == 1 && k.hasRead
	switch {
	case full:
		return byKey, nil
	case readOnly:
		return byReadKey, nil
	case k.tokens != nil:
		return k.tokens.grant(text)
	}
	return nil, unauthorized("Invalid API key or JWT")
}

// strangerBody is how much a request without a key may send, in bytes.
const strangerBody = 1024

// limits is asked once a request's header is here: whoever has no key gets no
// memory for a body.
func (s *Server) limits(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	hideUpload(h)
	if _, err := s.keys.identify(h); err != nil {
		return fasthttp.RequestConfig{MaxRequestBodySize: min(strangerBody, s.o.MaxBody)}
	}
	if bytes.Contains(h.RequestURI(), []byte("/snapshot")) {
		return fasthttp.RequestConfig{WriteTimeout: s.o.SnapshotTimeout} // a download may take long
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

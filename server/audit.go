package server

import "github.com/valyala/fasthttp"

// longestSubject is how much of a token's subject the audit log takes, in bytes:
// whoever makes tokens chooses it.
const longestSubject = 256

// record writes the audit log's line of an administrative call: who, what, and
// how it ended. It has the path and never the query or the body, which may hold
// secrets.
func (c *call) record(r *route, status int) {
	if !r.needs.administrative() || r.open {
		return
	}
	kind, subject := "none", ""
	if c.grant != nil {
		kind, subject = c.grant.kind, c.grant.subject
	}
	outcome := "done"
	switch {
	case status == fasthttp.StatusUnauthorized || status == fasthttp.StatusForbidden:
		outcome = "denied"
	case status >= fasthttp.StatusBadRequest:
		outcome = "failed"
	}
	c.s.audit.Info("administrative call",
		"key", kind, "subject", subject[:min(len(subject), longestSubject)], "remote", c.RemoteIP().String(),
		"endpoint", r.name, "path", string(c.Path()), "outcome", outcome, "status", status)
}

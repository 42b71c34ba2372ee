// Package docs carries the document of the HTTP API into the binary.
//
// Who calls: server. It holds no code.
package docs

import _ "embed" // for the document

// OpenAPI is openapi.yaml, as GET /openapi.yaml answers it. Read only.
//
//go:embed openapi.yaml
var OpenAPI []byte

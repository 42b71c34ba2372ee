package server

import (
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/server/api"
)

// later are the contract's endpoints that this version does not have. They are
// told apart from paths that nobody has, so that a client's user knows at once
// what is missing.
const later = `
PUT    /collections/{name}/points/vectors
POST   /collections/{name}/points/vectors/delete
POST   /collections/{name}/points/query/groups
POST   /collections/{name}/points/search/matrix/pairs
POST   /collections/{name}/points/search/matrix/offsets
POST   /collections/{name}/facet
PUT    /collections/{name}/vectors/{vector}
DELETE /collections/{name}/vectors/{vector}
GET    /collections/{name}/cluster
POST   /collections/{name}/cluster
GET    /collections/{name}/optimizations
GET    /collections/{name}/shards
PUT    /collections/{name}/shards
POST   /collections/{name}/shards/delete
GET    /collections/{name}/snapshots
POST   /collections/{name}/snapshots
POST   /collections/{name}/snapshots/upload
PUT    /collections/{name}/snapshots/recover
GET    /collections/{name}/snapshots/{snapshot}
DELETE /collections/{name}/snapshots/{snapshot}
GET    /snapshots
POST   /snapshots
GET    /snapshots/{snapshot}
DELETE /snapshots/{snapshot}
GET    /cluster
POST   /cluster/recover
DELETE /cluster/peer/{peer}
GET    /cluster/telemetry
GET    /telemetry
GET    /issues
DELETE /issues
GET    /quotas
PUT    /quotas
`

func (t *routes) addLater() {
	for line := range strings.Lines(later) {
		method, pattern, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		pattern = strings.TrimSpace(pattern)
		t.add(method, pattern, &route{write: method != fasthttp.MethodGet, do: func(*call) error {
			return &api.Error{
				Status:  fasthttp.StatusNotFound,
				Field:   "path",
				Message: fmt.Sprintf("Not found: the endpoint %s %s is not supported yet", method, pattern),
			}
		}})
	}
}

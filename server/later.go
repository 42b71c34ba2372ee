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
PUT    alter    /collections/{name}/vectors/{vector}
DELETE alter    /collections/{name}/vectors/{vector}
`

func (t *routes) addLater() {
	for line := range strings.Lines(later) {
		words := strings.Fields(line)
		if len(words) != 3 {
			continue
		}
		method, pattern := words[0], words[2]
		t.add(method, pattern, &route{needs: needNamed(words[1]), do: func(*call) error {
			return &api.Error{
				Status:  fasthttp.StatusNotFound,
				Field:   "path",
				Message: fmt.Sprintf("Not found: the endpoint %s %s is not supported yet", method, pattern),
			}
		}})
	}
}

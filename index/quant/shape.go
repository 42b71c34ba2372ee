package quant

import "github.com/kithdb/kith/index"

// Suits reports whether a code is of vectors of a metric and of so many
// dimensions: one of others would read beyond them.
func Suits(c Code, m index.Metric, dim int) bool {
	switch c := c.(type) {
	case unit:
		return Suits(c.Code, m, dim)
	case *Affine:
		return c.metric == m && c.dim() == dim
	case *Bits:
		return c.metric == m && c.dim() == dim
	case *Product:
		return c.metric == m && c.dim == dim
	case *levels:
		return m == index.Manhattan && len(c.least) == dim
	case *Reduced:
		return c.metric == m && c.Dim() == dim
	}
	return false
}

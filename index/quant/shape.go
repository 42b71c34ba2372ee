package quant

import "github.com/kithdb/kith/index"

// Suits reports whether a code is of vectors of a space and of so many dimensions:
// one of others would read beyond them, or take lengths for distances.
func Suits(c Code, s index.Space, dim int) bool {
	scaled, ok := c.(unit)
	if ok {
		c = scaled.Code
	}
	return ok == lengthy(s) && suits(c, s.Metric, dim)
}

// lengthy reports whether vectors are stored with a length that their distances leave
// out.
func lengthy(s index.Space) bool { return s.Metric == index.Cosine && s.Datatype == index.Uint8 }

func suits(c Code, m index.Metric, dim int) bool {
	switch c := c.(type) {
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

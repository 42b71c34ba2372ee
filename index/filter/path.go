package filter

// Path is a parsed payload path: `a.b`, `a[].b` (any element), `"quoted.key"`.
type Path struct {
	raw   string
	steps []step
}

type step struct {
	key  string
	each bool // the value is an array, and every element is visited
}

// String is the path as the user wrote it.
func (p Path) String() string { return p.raw }

package point

// Vector is one named dense vector of a point. The name of the unnamed vector
// is "".
type Vector struct {
	Name   string
	Values []float32
}

// Point is a stored point, or one to be stored.
type Point struct {
	ID      ID
	Version uint64 // raft index of the operation that last changed it; 0 before it is stored
	Vectors []Vector
	// Payload is a JSON object, compact; nil when there is none. Numbers keep
	// the digits they came with.
	Payload []byte
}

// Vector is the values of the named vector, nil when the point has none.
func (p *Point) Vector(name string) []float32 {
	for i := range p.Vectors {
		if p.Vectors[i].Name == name {
			return p.Vectors[i].Values
		}
	}
	return nil
}

// Scored is a point that a query found.
type Scored struct {
	Point
	Score float32 // as the contract has it (index.Metric.Score); equal scores order by ID
}

// PayloadSelector says which of a payload to return. The zero value returns none.
type PayloadSelector struct {
	Enable  bool     // false: no payload
	Include []string // paths to keep; nil keeps all
	Exclude []string // paths to drop; used when Include is nil
}

// VectorSelector says which vectors to return. The zero value returns none.
type VectorSelector struct {
	Enable bool
	Names  []string // nil returns all
}

// Wants reports whether the named vector is asked for.
func (s VectorSelector) Wants(name string) bool {
	if !s.Enable {
		return false
	}
	if s.Names == nil {
		return true
	}
	for _, n := range s.Names {
		if n == name {
			return true
		}
	}
	return false
}

// Selector says what of a point to read.
type Selector struct {
	Payload PayloadSelector
	Vector  VectorSelector
}

//go:build noasm || !amd64

package simd

func less(out, v, by []float32) { lessScalar(out, v, by) }

func largest(v []float32) uint32 { return largestScalar(v) }

func toBytes(out []int8, v []float32, by float32) int32 { return narrowScalar(out, v, by) }

func signTables(tables []uint8, y []float32, by float32) { signTablesScalar(tables, y, by) }

func fours(v []float32) (most, sum float32) { return foursScalar(v) }

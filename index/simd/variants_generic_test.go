//go:build noasm || (!amd64 && !arm64)

package simd

func variants() []variant { return []variant{{level(), func() {}}} }

//go:build noasm || (!amd64 && !arm64)

package simd

func (l Levels) fit(x []float32) (along, norm float32) { return l.fitScalar(x) }

func (l Levels) put8(codes []byte, x []float32) float32 { return l.put8Scalar(codes, x) }

func (l Levels) put4(codes []byte, x []float32) float32 { return l.put4Scalar(codes, x) }

func (l Levels) costs(keys *[32]uint32, x []float32) { l.costsScalar(keys, x) }

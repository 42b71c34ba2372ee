package op

import (
	"testing"

	"github.com/kithdb/kith/storage/point"
)

// upsert256 is an upsert of 256 points of 128 dimensions with small payloads.
func upsert256() []Op {
	points := make([]point.Point, 256)
	for i := range points {
		v := make([]float32, 128)
		for j := range v {
			v[j] = float32(i*j%97) / 97
		}
		points[i] = point.Point{ID: point.Number(uint64(i)), Vectors: []point.Vector{{Values: v}}, Payload: []byte(`{"city":"Berlin","n":12345}`)}
	}
	return []Op{{Kind: Upsert, Shard: 1, Points: points}}
}

func BenchmarkAppend(b *testing.B) {
	ops := upsert256()
	buf := Append(nil, ops)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], ops)
	}
}

func BenchmarkDecode(b *testing.B) {
	data := Append(nil, upsert256())
	shifted := append(make([]byte, 1), data...)[1:]
	for name, in := range map[string][]byte{"aligned": data, "copied": shifted} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

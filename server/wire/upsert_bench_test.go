package wire

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// upsertBody is what a client sends: 256 points of 100 values.
func upsertBody() []byte {
	r := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	b.WriteString(`{"points":[`)
	for i := range 256 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"payload":{"word":"w%d","rank":%d},"vector":[`, i, i, i)
		for j := range 100 {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%.6f", r.NormFloat64())
		}
		b.WriteString(`]}`)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func BenchmarkUpsert(b *testing.B) {
	body := upsertBody()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		o, err := Upsert(body)
		if err != nil || len(o.Points) != 256 {
			b.Fatal(err)
		}
	}
}

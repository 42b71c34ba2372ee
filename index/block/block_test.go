package block

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// A stream of any length comes back, whatever pieces it is read in, and one that
// is cut or has a bit turned does not.
func TestStream(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{0, 1, 3, 4, 5, 1000, Size - 1, Size, Size + 1, 2*Size + 7} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		var file bytes.Buffer
		w := NewWriter(&file)
		for rest := data; len(rest) > 0; {
			n := min(1+rng.IntN(200_000), len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := read(file.Bytes(), size, rng)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes: %d come back, %v", size, len(got), err)
		}
		if all, err := NewReader(bytes.NewReader(file.Bytes())).All(); err != nil || !bytes.Equal(all, data) {
			t.Fatalf("%d bytes at once: %d come back, %v", size, len(all), err)
		}
		if size == 0 {
			continue
		}
		for range 20 {
			bad := bytes.Clone(file.Bytes())
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
			if _, err := read(bad, size, rng); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%d bytes, a bit turned: %v", size, err)
			}
			if _, err := read(bad[:rng.IntN(len(bad))], size, rng); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%d bytes, cut: %v", size, err)
			}
		}
		if _, err := read(append(bytes.Clone(file.Bytes()), 0), size, rng); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d bytes and one more: %v", size, err)
		}
	}
}

// read takes a stream apart in pieces of chance.
func read(file []byte, size int, rng *rand.Rand) (got []byte, err error) {
	r := NewReader(bytes.NewReader(file))
	for len(got) < size {
		p, err := r.Next(min(1+rng.IntN(1<<19), size-len(got)))
		if err != nil {
			return got, err
		}
		got = append(got, p...)
	}
	return got, r.End()
}

func TestUvarintIsBounded(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file)
	if _, err := w.Write([]byte{0x85, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for most, ok := range map[uint64]bool{133: true, 132: false} {
		n, err := NewReader(bytes.NewReader(file.Bytes())).Uvarint(most)
		if ok && (n != 133 || err != nil) || !ok && !errors.Is(err, ErrCorrupt) {
			t.Errorf("at most %d: %d, %v", most, n, err)
		}
	}
	r := NewReader(bytes.NewReader(file.Bytes()))
	if _, err := r.Uvarint(133); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Uvarint(1 << 63); !errors.Is(err, ErrCorrupt) {
		t.Errorf("too long a number: %v", err)
	}
}

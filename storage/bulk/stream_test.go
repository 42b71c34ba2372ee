package bulk

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// A stream is the file, whatever its size and the pieces that it is read in.
func TestStreamIsTheFile(t *testing.T) {
	data := make([]byte, streamFrom+3*streamPiece+17)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	path := filepath.Join(t.TempDir(), "file")
	for _, size := range []int{0, 1, streamFrom - 1, streamFrom, streamFrom + streamPiece, len(data)} {
		if err := os.WriteFile(path, data[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := OpenStream(path)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if n, err := io.CopyBuffer(&got, struct{ io.Reader }{r}, make([]byte, 700_001)); err != nil || n != int64(size) || !bytes.Equal(got.Bytes(), data[:size]) {
			t.Fatalf("%d bytes: %d come, %v", size, n, err)
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("behind the end: %d, %v", n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Whoever has read enough closes, and no read goes on behind.
func TestStreamClosedEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, streamFrom+1), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenStream(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if s, ok := r.(*stream); !ok || len(s.coming) > ahead {
		t.Fatalf("%T", r)
	}
}

// A file that is shorter than it was is an error, not an end.
func TestStreamCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, streamFrom+1), 0o600); err != nil {
		t.Fatal(err)
	}
	from, err := openSource(path)
	if err != nil {
		t.Fatal(err)
	}
	s := startStream(from, streamFrom+100)
	defer s.Close()
	if n, err := io.Copy(io.Discard, s); err == nil {
		t.Errorf("%d bytes and no error", n)
	}
}

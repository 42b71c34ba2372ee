package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
)

// An archive ends with a seal: a frame that zstd skips (RFC 8878, 3.1.2) with
// the SHA-256 of all bytes before it. The checksums within zstd are of what is
// unpacked; some flipped bits of the packed form unpack to the same: a window
// larger than needed, a match at another offset with the same bytes, padding
// behind a table. The seal finds these too.
const (
	sealMagic = 0x184D2A5B
	sealBytes = 4 + 4 + sha256.Size
)

func seal(h hash.Hash) []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, sealBytes), sealMagic)
	b = binary.LittleEndian.AppendUint32(b, sha256.Size)
	return h.Sum(b)
}

// source is the packed stream: it keeps its errors apart from those of unpacking
// it, and sums it but for its last bytes, which should be the seal.
type source struct {
	r     io.Reader
	sum   hash.Hash
	last  []byte // at most sealBytes
	ended bool
}

type sourceError struct{ err error }

func (e *sourceError) Error() string { return "read the snapshot: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.keep(p[:n])
	if errors.Is(err, io.EOF) {
		s.ended = true
	} else if err != nil {
		err = &sourceError{err}
	}
	return n, err
}

func (s *source) keep(p []byte) {
	if over := len(p) - sealBytes; over >= 0 {
		s.sum.Write(s.last)
		s.sum.Write(p[:over])
		s.last = append(s.last[:0], p[over:]...)
		return
	}
	if over := len(s.last) + len(p) - sealBytes; over > 0 {
		s.sum.Write(s.last[:over])
		s.last = append(s.last[:0], s.last[over:]...)
	}
	s.last = append(s.last, p...)
}

// sealed says whether the stream was read to its end and ends with its seal.
func (s *source) sealed() bool { return s.ended && bytes.Equal(s.last, seal(s.sum)) }

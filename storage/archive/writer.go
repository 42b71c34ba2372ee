package archive

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Writer writes an archive in one pass, in the memory of a block.
//
// Concurrency: one goroutine.
// Lifetime: after NewWriter every stream of the manifest is written once, in
// order; Close ends the archive. What was not closed is no archive.
type Writer struct {
	w       io.Writer // what is packed, and the seal
	sum     hash.Hash // of what is packed
	z       *zstd.Encoder
	t       *tar.Writer
	left    []string // streams to come
	whole   hash.Hash
	end     End
	name    string // of the stream under way
	number  int    // of its next block
	pending []byte
}

// NewWriter begins an archive with its manifest; the version is set here.
func NewWriter(w io.Writer, m Manifest) (*Writer, error) {
	m.Version = FormatVersion
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("bug: a manifest that no reader takes: %w", err)
	}
	sum := sha256.New()
	z, err := zstd.NewWriter(io.MultiWriter(w, sum), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, errors.Join(err, z.Close())
	}
	a := &Writer{w: w, sum: sum, z: z, t: tar.NewWriter(z), left: m.Streams(), whole: sha256.New(), pending: make([]byte, 0, BlockBytes)}
	if err := a.entry(manifestName, text); err != nil {
		return nil, errors.Join(err, z.Close())
	}
	return a, nil
}

func (a *Writer) entry(name string, content []byte) error {
	sum := sha256.Sum256(content)
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644, Format: tar.FormatPAX,
		PAXRecords: map[string]string{sumRecord: hex.EncodeToString(sum[:])}}
	if err := a.t.WriteHeader(h); err != nil {
		return err
	}
	if _, err := a.t.Write(content); err != nil {
		return err
	}
	a.whole.Write(sum[:])
	a.end.Entries++
	a.end.Bytes += int64(len(content))
	return nil
}

// Stream writes the next stream, which must be the one of that name. What fill
// writes may not be kept.
func (a *Writer) Stream(name string, fill func(io.Writer) error) error {
	if len(a.left) == 0 || a.left[0] != name {
		return fmt.Errorf("bug: stream %s is not the next of the manifest", name)
	}
	a.left = a.left[1:]
	a.name, a.number = name, 0
	if err := fill((*blocks)(a)); err != nil {
		return err
	}
	return a.flush()
}

// blocks is the writer of the stream under way.
type blocks Writer

// Write implements io.Writer.
func (b *blocks) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		k := min(len(p), BlockBytes-len(b.pending))
		b.pending = append(b.pending, p[:k]...)
		p = p[k:]
		n += k
		if len(b.pending) == BlockBytes {
			if err := (*Writer)(b).flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (a *Writer) flush() error {
	err := a.entry(fmt.Sprintf("%s/%06d", a.name, a.number), a.pending)
	a.number++
	a.pending = a.pending[:0]
	return err
}

// Close writes the end and the seal. Call it once; Abort instead when a stream has failed.
func (a *Writer) Close() error {
	if len(a.left) > 0 {
		return errors.Join(fmt.Errorf("bug: stream %s was not written", a.left[0]), a.z.Close())
	}
	a.end.SHA256 = hex.EncodeToString(a.whole.Sum(nil))
	text, err := json.Marshal(a.end)
	if err == nil {
		err = a.entry(endName, text)
	}
	if err == nil {
		err = a.t.Close()
	}
	if err := errors.Join(err, a.z.Close()); err != nil {
		return err
	}
	_, err = a.w.Write(seal(a.sum))
	return err
}

// Abort lets go of the encoder; what was written stays cut short.
func (a *Writer) Abort() {
	a.z.Reset(nil)
}

package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// windowBytes is the most that a decoder keeps of what it has read.
	windowBytes = 8 << 20
	// memoryBytes bounds the decoder's buffers.
	memoryBytes = 64 << 20
)

// Reader reads an archive in one pass and believes nothing. It keeps a block and
// the decoder's window in memory, whatever the archive says.
//
// Concurrency: one goroutine.
// Lifetime: every stream is read to its end, in order; only Close says whether
// the archive was whole. Release it however reading ended.
type Reader struct {
	s        *source
	z        *zstd.Decoder
	t        *tar.Reader
	left     []string
	whole    hash.Hash
	got      End
	manifest Manifest
}

// NewReader reads the manifest. ErrFormat, ErrCorrupt, or the source's error.
func NewReader(r io.Reader) (*Reader, error) {
	s := &source{r: r, sum: sha256.New()}
	z, err := zstd.NewReader(s, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(windowBytes), zstd.WithDecoderMaxMemory(memoryBytes))
	if err != nil {
		return nil, classify(err)
	}
	a := &Reader{s: s, z: z, t: tar.NewReader(z), whole: sha256.New()}
	if err := a.begin(); err != nil {
		z.Close()
		return nil, err
	}
	return a, nil
}

func (a *Reader) begin() error {
	text, err := a.entry(manifestName, manifestBytes)
	if err != nil {
		return err
	}
	var version struct {
		Version int `json:"kith_snapshot"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return corrupt("the manifest: %v", err)
	}
	if err := knownVersion(version.Version); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a.manifest); err != nil {
		return corrupt("the manifest: %v", err)
	}
	if err := a.manifest.check(); err != nil {
		return err
	}
	a.left = a.manifest.Streams()
	return nil
}

// Manifest is what the archive says it holds.
func (a *Reader) Manifest() *Manifest { return &a.manifest }

// classify says of an error whether the source failed or the archive is bad.
func classify(err error) error {
	var below *sourceError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &below):
		return below
	case errors.Is(err, zstd.ErrMagicMismatch):
		return fmt.Errorf("%w: it is not a kith snapshot (tar in zstd)", ErrFormat)
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// entry reads the next entry, which must have that name and at most so many
// bytes.
func (a *Reader) entry(name string, most int64) ([]byte, error) {
	h, err := a.t.Next()
	if errors.Is(err, io.EOF) {
		return nil, corrupt("it ends before %s", name)
	}
	if err != nil {
		return nil, classify(err)
	}
	switch {
	case h.Name != name:
		return nil, corrupt("entry %.100q where %s should be", h.Name, name)
	case h.Typeflag != tar.TypeReg || h.Linkname != "":
		return nil, corrupt("%s is no plain file", name)
	case h.Size < 0 || h.Size > most:
		return nil, corrupt("%s has %d bytes, the most is %d", name, h.Size, most)
	}
	content, err := io.ReadAll(io.LimitReader(a.t, most+1))
	if err != nil {
		return nil, classify(err)
	}
	if int64(len(content)) != h.Size {
		return nil, corrupt("%s is cut short", name)
	}
	sum := sha256.Sum256(content)
	if h.PAXRecords[sumRecord] != hex.EncodeToString(sum[:]) {
		return nil, corrupt("checksum of %s", name)
	}
	if name == endName {
		return content, nil
	}
	a.whole.Write(sum[:])
	a.got.Entries++
	a.got.Bytes += h.Size
	return content, nil
}

// Stream opens the next stream, which must be the one of that name. It must be
// read to its end before anything else is.
func (a *Reader) Stream(name string) (io.Reader, error) {
	if len(a.left) == 0 || a.left[0] != name {
		return nil, fmt.Errorf("bug: stream %s is not the next of the manifest", name)
	}
	a.left = a.left[1:]
	return &stream{a: a, name: name}, nil
}

type stream struct {
	a      *Reader
	name   string
	number int
	block  []byte
	last   bool
	err    error
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	for len(s.block) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		if s.last {
			return 0, io.EOF
		}
		s.block, s.err = s.a.entry(fmt.Sprintf("%s/%06d", s.name, s.number), BlockBytes)
		s.number++
		s.last = len(s.block) < BlockBytes
	}
	n := copy(p, s.block)
	s.block = s.block[n:]
	return n, nil
}

// Close checks that the archive ends where it should and was whole.
func (a *Reader) Close() error {
	if len(a.left) > 0 {
		return fmt.Errorf("bug: stream %s was not read", a.left[0])
	}
	text, err := a.entry(endName, endBytes)
	if err != nil {
		return err
	}
	want := a.got
	want.SHA256 = hex.EncodeToString(a.whole.Sum(nil))
	var end End
	if err := json.Unmarshal(text, &end); err != nil || end != want {
		return corrupt("its end does not fit what came before")
	}
	if _, err := a.t.Next(); !errors.Is(err, io.EOF) {
		return corrupt("it goes on behind its end (%v)", err)
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(a.z, 1)); n != 0 || err != nil {
		return errors.Join(corrupt("it goes on behind its end"), err)
	}
	if a.manifest.Version >= sealedVersion && !a.s.sealed() {
		return corrupt("its seal does not fit what came before")
	}
	return nil
}

// Release lets go of the decoder.
func (a *Reader) Release() { a.z.Close() }

// Verify reads an archive whole and checks every checksum.
func Verify(r io.Reader) (*Manifest, End, error) {
	a, err := NewReader(r)
	if err != nil {
		return nil, End{}, err
	}
	defer a.Release()
	for _, name := range a.manifest.Streams() {
		s, err := a.Stream(name)
		if err != nil {
			return nil, End{}, err
		}
		if _, err := io.Copy(io.Discard, s); err != nil {
			return nil, End{}, err
		}
	}
	if err := a.Close(); err != nil {
		return nil, End{}, err
	}
	a.got.SHA256 = hex.EncodeToString(a.whole.Sum(nil))
	return &a.manifest, a.got, nil
}

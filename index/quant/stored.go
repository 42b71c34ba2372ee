package quant

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/kithdb/kith/index"
)

// ErrCorrupt: the bytes are no stored code.
var ErrCorrupt = errors.New("stored code is corrupt")

// ErrVersion: a code of a version that this build does not know.
var ErrVersion = errors.New("unknown version of a stored code")

// The form is in docs/formats.md: the version, the kind, and what the kind has,
// little-endian. Whoever stores it adds a checksum.
const (
	storedVersion = 1
	maxDim        = 1 << 16
)

// The kinds of codes. The numbers are on disk: never renumber.
const (
	kindAffine byte = iota + 1
	kindLevels
	kindProduct
	kindBits
	kindUnit // another code stands behind it
)

const kindReduced byte = 8

// Open makes the Code again that AppendBinary wrote. What is damaged gives
// ErrCorrupt or ErrVersion, or a Code that answers nonsense, but never one that
// panics.
func Open(stored []byte) (Code, error) {
	r := &reader{left: stored}
	code := r.code()
	if r.err == nil && len(r.left) > 0 {
		r.fail("%d bytes behind the end", len(r.left))
	}
	if r.err != nil {
		return nil, r.err
	}
	return code, nil
}

func (r *reader) code() Code {
	head := r.take(2)
	if head == nil {
		return nil
	}
	if head[0] != storedVersion {
		r.err = fmt.Errorf("%w: %d, this build knows %d", ErrVersion, head[0], storedVersion)
		return nil
	}
	switch head[1] {
	case kindAffine:
		return r.affine()
	case kindLevels:
		return r.levels()
	case kindProduct:
		return r.product()
	case kindBits:
		return r.bits()
	case kindReduced:
		return r.reduced()
	case kindUnit:
		if len(r.left) > 1 && r.left[1] == kindUnit {
			r.fail("nothing stands behind it")
			return nil
		}
		return unit{r.code()}
	}
	r.fail("kind %d", head[1])
	return nil
}

func appendHead(dst []byte, kind byte) []byte { return append(dst, storedVersion, kind) }

func appendFloats(dst []byte, v []float32) []byte {
	for _, x := range v {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
	}
	return dst
}

// append appends the metric, whether vectors are turned, the seed, the
// dimension, and the mean.
func (f *frame) append(dst []byte) []byte {
	dst = append(dst, byte(f.metric), flag(f.plain))
	dst = binary.LittleEndian.AppendUint64(dst, f.seed)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(f.mean)))
	return appendFloats(dst, f.mean)
}

func appendCount(dst []byte, n int) []byte { return binary.LittleEndian.AppendUint32(dst, uint32(n)) }

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// reader takes a stored code apart. After the first fault it answers zeros.
type reader struct {
	left []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
	}
}

// take is the next n bytes; nil when there are fewer.
func (r *reader) take(n int) []byte {
	if r.err != nil || n > len(r.left) {
		r.fail("cut short")
		return nil
	}
	part := r.left[:n]
	r.left = r.left[n:]
	return part
}

// byte is the next byte, which must be from least to most.
func (r *reader) byte(what string, least, most byte) byte {
	part := r.take(1)
	if part == nil {
		return least
	}
	if part[0] < least || part[0] > most {
		r.fail("%s %d", what, part[0])
		return least
	}
	return part[0]
}

func (r *reader) uint32(what string, least, most uint32) uint32 {
	part := r.take(4)
	if part == nil {
		return least
	}
	n := binary.LittleEndian.Uint32(part)
	if n < least || n > most {
		r.fail("%s %d", what, n)
		return least
	}
	return n
}

func (r *reader) uint64() uint64 {
	if part := r.take(8); part != nil {
		return binary.LittleEndian.Uint64(part)
	}
	return 0
}

// floats is the next n floats, which must be finite.
func (r *reader) floats(n int) []float32 {
	part := r.take(4 * n)
	if part == nil {
		return nil
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(part[4*i:]))
		if out[i]-out[i] != 0 {
			r.fail("%v", out[i])
			return nil
		}
	}
	return out
}

// positive is the next float, which must be finite and above 0.
func (r *reader) positive() float32 {
	if v := r.floats(1); len(v) == 1 && v[0] > 0 {
		return v[0]
	}
	r.fail("no step above 0")
	return 0
}

// dim is the next number of dimensions.
func (r *reader) dim() int { return int(r.uint32("dimensions", 1, maxDim)) }

func (r *reader) metric() index.Metric {
	return index.Metric(r.byte("metric", byte(index.Cosine), byte(index.Manhattan)))
}

func (r *reader) frame() frame {
	f := frame{metric: r.metric(), plain: r.byte("plain", 0, 1) == 1, seed: r.uint64()}
	if f.metric == index.Manhattan {
		r.fail("a code of products under Manhattan")
	}
	f.mean = r.floats(r.dim())
	if r.err == nil {
		f.ready()
	}
	return f
}

// AppendBinary implements Code.
func (a *Affine) AppendBinary(dst []byte) []byte {
	dst = append(appendHead(dst, kindAffine), byte(a.bits))
	dst = appendFloats(dst, []float32{a.common})
	return a.frame.append(dst)
}

func (r *reader) affine() *Affine {
	a := &Affine{bits: int(r.byte("bits", 4, 8))}
	if a.bits != 4 && a.bits != 8 {
		r.fail("bits %d", a.bits)
	}
	if step := r.floats(1); len(step) == 1 && step[0] >= 0 {
		a.common = step[0]
	} else {
		r.fail("step %v", step)
	}
	a.frame = r.frame()
	return a
}

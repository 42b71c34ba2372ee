package hdf5

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// Kind is what a data set's numbers are.
type Kind string

// The kinds that are read.
const (
	Float32 Kind = "float32"
	Float64 Kind = "float64"
	Int8    Kind = "int8"
	Uint8   Kind = "uint8"
	Int32   Kind = "int32"
	Int64   Kind = "int64"
)

// Dataset is a table of numbers.
type Dataset struct {
	Name string
	Kind Kind
	Dims []int // rows, columns

	file *File
	at   int64  // of the first number in the file
	held []byte // the numbers, where the header has them
}

// Dataset finds a data set of the root group.
func (f *File) Dataset(name string) (*Dataset, error) {
	at, ok := f.objects[name]
	if !ok {
		return nil, fmt.Errorf("no data set %q: the file has %s", name, strings.Join(f.Names(), ", "))
	}
	o, err := f.object(at)
	if err != nil {
		return nil, fmt.Errorf("data set %q: %w", name, err)
	}
	d := &Dataset{Name: name, file: f}
	if d.Kind, err = f.kind(o.first(msgDatatype)); err == nil {
		d.Dims, err = f.dims(o.first(msgDataspace))
	}
	if err == nil {
		err = d.place(o)
	}
	if err != nil {
		return nil, fmt.Errorf("data set %q: %w", name, err)
	}
	return d, nil
}

// size is the bytes of a number.
func (k Kind) size() int64 {
	switch k {
	case Int8, Uint8:
		return 1
	case Float64, Int64:
		return 8
	}
	return 4
}

// Cells is how many numbers there are.
func (d *Dataset) Cells() int64 {
	n := int64(1)
	for _, dim := range d.Dims {
		n *= int64(dim)
	}
	return n
}

func (f *File) kind(b []byte) (Kind, error) {
	c := &cursor{file: f, b: b}
	class := c.number(1) & 15
	bits, size := c.number(3), c.number(4)
	if c.err != nil {
		return "", c.err
	}
	if bits&1 != 0 {
		return "", fmt.Errorf("its numbers are big-endian: little-endian ones are read")
	}
	switch {
	case class == 1 && size == 4:
		return Float32, nil
	case class == 1 && size == 8:
		return Float64, nil
	case class == 0 && size == 1 && bits&8 != 0:
		return Int8, nil
	case class == 0 && size == 1:
		return Uint8, nil
	case class == 0 && size == 4:
		return Int32, nil
	case class == 0 && size == 8:
		return Int64, nil
	}
	return "", fmt.Errorf("numbers of class %d and %d bytes: floats of 4 or 8 bytes and whole numbers of 1, 4 or 8 are read", class, size)
}

// dims are the extents of a dataspace.
func (f *File) dims(b []byte) ([]int, error) {
	c := &cursor{file: f, b: b}
	version, n := c.number(1), int(c.number(1))
	if version == 1 {
		c.skip(6)
	} else {
		c.skip(2)
	}
	if n > 8 {
		return nil, fmt.Errorf("%d dimensions: at most 8 are read", n)
	}
	dims, cells := make([]int, n), uint64(1)
	for i := range dims {
		dim := c.length()
		if dim > math.MaxInt32 || cells*max(dim, 1) > 1<<40 {
			return nil, fmt.Errorf("%d along dimension %d: too large", dim, i)
		}
		dims[i], cells = int(dim), cells*max(dim, 1)
	}
	return dims, c.err
}

// place finds where the numbers lie.
func (d *Dataset) place(o object) error {
	c := &cursor{file: d.file, b: o.first(msgLayout)}
	version, class := c.number(1), uint64(0)
	if version < 3 {
		c.skip(1)
		class = c.number(1)
		c.skip(5)
	} else {
		class = c.number(1)
	}
	switch {
	case c.err != nil:
		return c.err
	case class == 2 || o.first(msgFilters) != nil:
		return fmt.Errorf("it is stored in chunks: rewrite the file with h5repack -f NONE -l CONTI IN OUT")
	case class == 0 && version >= 3:
		d.held = c.take(int(c.number(2)))
		if c.err == nil && int64(len(d.held)) < d.Cells()*d.Kind.size() {
			return errShort
		}
		return c.err
	case class != 1:
		return fmt.Errorf("layout %d of version %d is not known: rewrite the file with h5repack -f NONE -l CONTI IN OUT", class, version)
	}
	at, bytes := c.address(), d.Cells()*d.Kind.size()
	if at == math.MaxUint64 || at == math.MaxUint32 && d.file.offsets == 4 {
		return fmt.Errorf("it was never written")
	}
	if size := uint64(d.file.size); c.err == nil && (at+d.file.base > size || uint64(bytes) > size-at-d.file.base) {
		return fmt.Errorf("the file is cut off: %d bytes at %d of %d", bytes, at+d.file.base, size)
	}
	d.at = int64(at + d.file.base)
	return c.err
}

// Floats reads numbers as float32s, a little-endian stream of them, from the
// first to the last.
func (d *Dataset) Floats() io.Reader {
	if d.Kind == Float32 {
		return d.raw()
	}
	return d.converted(func(dst, src []byte) { binary.LittleEndian.PutUint32(dst, math.Float32bits(float32(d.value(src)))) })
}

// Ints is Floats for int32s; what does not fit is cut off.
func (d *Dataset) Ints() io.Reader {
	if d.Kind == Int32 {
		return d.raw()
	}
	return d.converted(func(dst, src []byte) { binary.LittleEndian.PutUint32(dst, uint32(int32(d.value(src)))) })
}

// value is one number.
func (d *Dataset) value(b []byte) float64 {
	switch d.Kind {
	case Int8:
		return float64(int8(b[0]))
	case Uint8:
		return float64(b[0])
	case Int32:
		return float64(int32(binary.LittleEndian.Uint32(b)))
	case Int64:
		return float64(int64(binary.LittleEndian.Uint64(b)))
	case Float64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
}

func (d *Dataset) raw() io.Reader {
	if d.held != nil {
		return bytes.NewReader(d.held[:d.Cells()*d.Kind.size()])
	}
	return io.NewSectionReader(d.file.in, d.at, d.Cells()*d.Kind.size())
}

func (d *Dataset) converted(one func(dst, src []byte)) io.Reader {
	size := int(d.Kind.size())
	return &converter{in: d.raw(), size: size, one: one, from: make([]byte, int(min(8192, d.Cells()))*size)}
}

// converter makes numbers of four bytes of others.
type converter struct {
	in   io.Reader
	size int
	one  func(dst, src []byte)
	from []byte // read, to be converted
	to   []byte // converted
	left []byte // the rest of it that was not read
	err  error
}

// Read gives what was converted.
func (c *converter) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		c.fill()
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	if n == 0 && len(p) > 0 {
		return 0, c.err
	}
	return n, nil
}

func (c *converter) fill() {
	n, err := io.ReadFull(c.in, c.from)
	if err == io.ErrUnexpectedEOF || len(c.from) == 0 {
		err = io.EOF
	}
	if c.to == nil {
		c.to = make([]byte, len(c.from)/c.size*4)
	}
	c.err, c.left = err, c.to[:n/c.size*4]
	for i := range n / c.size {
		c.one(c.left[4*i:], c.from[i*c.size:(i+1)*c.size])
	}
}

// attribute takes up an attribute that is a text; others are left alone.
func (f *File) attribute(c *cursor) error {
	version := c.number(1)
	c.skip(1)
	sizes := [3]int{int(c.number(2)), int(c.number(2)), int(c.number(2))} // name, type, extent
	if version == 3 {
		c.skip(1)
	}
	var parts [3][]byte
	for i, n := range sizes {
		parts[i] = c.take(n)
		if version == 1 {
			c.skip(min(-n&7, len(c.b)))
		}
	}
	if c.err != nil || len(parts[1]) < 8 {
		return c.err
	}
	kind := &cursor{file: f, b: parts[1]}
	class := kind.number(1) & 15
	bits, size := kind.number(3), int(kind.number(4))
	switch {
	case class == 3:
		f.texts[text(parts[0])] = strings.TrimRight(text(c.take(min(size, len(c.b)))), " ")
	case class == 9 && bits&15 == 1:
		value, err := f.shared(c)
		if err != nil {
			return err
		}
		f.texts[text(parts[0])] = value
	}
	return c.err
}

// shared is a text that lies in the file's heap of texts.
func (f *File) shared(c *cursor) (string, error) {
	n, at, number := c.number(4), c.address(), c.number(4)
	if c.err != nil || n == 0 {
		return "", c.err
	}
	head, err := f.rest(at, uint64(8+f.lengths))
	if err != nil {
		return "", err
	}
	head.signature("GCOL")
	head.skip(4)
	size := head.length()
	if head.err != nil || size < uint64(8+f.lengths) {
		return "", errShort
	}
	heap, err := f.rest(at+uint64(8+f.lengths), size-uint64(8+f.lengths))
	if err != nil {
		return "", err
	}
	for len(heap.b) >= 8+f.lengths && heap.err == nil {
		this := heap.number(2)
		heap.skip(6)
		long := heap.length()
		body := heap.take(int(min(long, most)))
		heap.skip(min(int(-long&7), len(heap.b)))
		if this == number && heap.err == nil {
			return string(body[:min(n, uint64(len(body)))]), nil
		}
		if this == 0 {
			break
		}
	}
	return "", errShort
}

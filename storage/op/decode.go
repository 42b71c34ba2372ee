package op

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"unsafe"

	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// Decode reads what Append wrote. Byte slices of the result, and vectors where
// data lies at an address that 4 divides, share memory with data, which must
// then stay unchanged as long as they are used. Empty payloads, vectors and
// lists of vectors come back nil.
//
// It never panics, and takes memory in proportion to len(data) only.
// Faults are ErrVersion and ErrCorrupt.
func Decode(data []byte) ([]Op, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: no bytes", ErrCorrupt)
	}
	known, ok := versions[data[0]]
	if !ok {
		return nil, fmt.Errorf("%w: version %d, this build reads up to %d: use a newer build", ErrVersion, data[0], Version)
	}
	d := decoder{data: data, at: 1, known: known}
	n := d.count(3)
	ops := make([]Op, 0, min(n, 16))
	for range n {
		var o Op
		d.op(&o)
		if d.err != nil {
			return nil, d.err
		}
		ops = append(ops, o)
	}
	if d.err == nil && d.at != len(data) {
		d.fail("%d bytes too many", len(data)-d.at)
	}
	if d.err != nil {
		return nil, d.err
	}
	return ops, nil
}

// form is what a version knows.
type form struct {
	last   Kind
	fields uint64 // above every bit
}

var versions = map[byte]form{
	1: {DropIndex, fieldsEndV1},
	2: {DeleteVectors, fieldsEnd},
}

// decoder reads data from at on. After the first fault every read gives zero.
type decoder struct {
	data   []byte
	at     int
	known  form
	err    error
	names  []string       // of vectors, met so far
	slab   []point.Vector // room for the vectors of coming points
	copies []float32      // room for vectors that cannot share memory
}

// atLeast* are the fewest bytes of an item: they bound how many can follow.
const (
	atLeastID     = 9
	atLeastPoint  = atLeastID + 3
	atLeastVector = 2
)

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: at byte %d: %s", ErrCorrupt, d.at, fmt.Sprintf(format, args...))
	}
}

func (d *decoder) uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.data[d.at:])
	if n <= 0 {
		d.fail("a number is cut short or too large")
		return 0
	}
	d.at += n
	return v
}

// take is the next n bytes, nil when there are fewer.
func (d *decoder) take(n uint64) []byte {
	if d.err != nil {
		return nil
	}
	if left := len(d.data) - d.at; n > uint64(left) {
		d.fail("%d bytes wanted, %d are left", n, left)
		return nil
	}
	b := d.data[d.at : d.at+int(n) : d.at+int(n)]
	d.at += int(n)
	return b
}

// bytes is a length and so many bytes; never nil unless there is a fault.
func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

// count reads how many items of at least size bytes follow.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if most := uint64(len(d.data)-d.at) / uint64(size); n > most {
		d.fail("%d items cannot follow, at most %d", n, most)
		return 0
	}
	return int(n)
}

func (d *decoder) op(o *Op) {
	head := d.take(1)
	shard, mask := d.uvarint(), d.uvarint()
	if d.err != nil {
		return
	}
	o.Kind = Kind(head[0])
	if o.Kind < CreateShard || o.Kind > d.known.last {
		d.fail("operation %d is not known", o.Kind)
	}
	if shard > math.MaxUint32 {
		d.fail("shard %d is out of range", shard)
	}
	if mask >= d.known.fields {
		d.fail("fields %b are not known", mask)
	}
	o.Shard = schema.ShardID(shard)
	d.lists(o, mask)
	d.texts(o, mask)
}

func (d *decoder) lists(o *Op, mask uint64) {
	if mask&hasPoints != 0 {
		o.Points = d.points()
	}
	if mask&hasIDs != 0 {
		n := d.count(atLeastID)
		o.IDs = make([]point.ID, 0, n)
		for range n {
			o.IDs = append(o.IDs, d.id())
		}
	}
}

func (d *decoder) texts(o *Op, mask uint64) {
	if mask&hasFilter != 0 {
		o.Filter = d.bytes()
	}
	if mask&hasPayload != 0 {
		o.Payload = d.bytes()
	}
	if mask&hasKey != 0 {
		o.Key = string(d.bytes())
	}
	if mask&hasKeys != 0 {
		o.Keys = d.strings()
	}
	if mask&hasField != 0 {
		o.Field = string(d.bytes())
	}
	if mask&hasFieldSchema != 0 {
		o.FieldSchema = d.bytes()
	}
	if mask&hasSchema != 0 {
		o.Schema = d.schema()
	}
	if mask&hasMode != 0 {
		o.Mode = d.mode()
	}
	if mask&hasVectors != 0 {
		o.Vectors = d.strings()
	}
}

func (d *decoder) mode() Mode {
	b := d.take(1)
	if d.err != nil {
		return InsertOrUpdate
	}
	if b[0] > byte(UpdateOnly) {
		d.fail("mode %d is not known", b[0])
	}
	return Mode(b[0])
}

func (d *decoder) strings() []string {
	n := d.count(1)
	out := make([]string, 0, min(n, 64))
	for range n {
		out = append(out, string(d.bytes()))
	}
	return out
}

func (d *decoder) schema() *schema.Collection {
	text := d.bytes()
	if d.err != nil {
		return nil
	}
	c := new(schema.Collection)
	if err := json.Unmarshal(text, c); err != nil {
		d.fail("the schema: %v", err)
		return nil
	}
	return c
}

func (d *decoder) id() point.ID {
	tag := d.take(1)
	switch {
	case d.err != nil:
	case tag[0] == idNumber:
		if b := d.take(8); d.err == nil {
			return point.Number(binary.LittleEndian.Uint64(b))
		}
	case tag[0] == idUUID:
		if b := d.take(16); d.err == nil {
			return point.UUID([16]byte(b))
		}
	default:
		d.fail("an id has tag %d", tag[0])
	}
	return point.ID{}
}

func (d *decoder) points() []point.Point {
	n := d.count(atLeastPoint)
	out := make([]point.Point, 0, n)
	for range n {
		p := point.Point{ID: d.id(), Version: d.uvarint()}
		if payload := d.bytes(); len(payload) > 0 {
			p.Payload = payload
		}
		p.Vectors = d.vectors()
		if d.err != nil {
			return nil
		}
		out = append(out, p)
	}
	return out
}

// vectors takes its lists from a slab: one allocation for many points.
func (d *decoder) vectors() []point.Vector {
	const slab = 256
	n := d.count(atLeastVector)
	if n == 0 {
		return nil
	}
	if n > len(d.slab) {
		d.slab = make([]point.Vector, max(n, slab))
	}
	out := d.slab[:n:n]
	d.slab = d.slab[n:]
	for i := range out {
		out[i].Name = d.name()
		out[i].Values = d.floats()
		if d.err != nil {
			return nil
		}
	}
	return out
}

// name makes one string of a name that comes again and again.
func (d *decoder) name() string {
	const remembered = 16
	b := d.bytes()
	for _, n := range d.names {
		if n == string(b) {
			return n
		}
	}
	if len(d.names) < remembered {
		d.names = append(d.names, string(b))
		return d.names[len(d.names)-1]
	}
	return string(b)
}

func (d *decoder) floats() []float32 {
	n := d.uvarint()
	for _, b := range d.take(uint64(-d.at & 3)) {
		if b != 0 {
			d.fail("padding is not zero")
		}
	}
	if n > uint64(len(d.data))/4 {
		d.fail("a vector of %d values cannot follow", n)
	}
	raw := d.take(4 * n)
	if len(raw) == 0 {
		return nil
	}
	at := unsafe.Pointer(unsafe.SliceData(raw))
	if littleEndian && uintptr(at)%4 == 0 {
		return unsafe.Slice((*float32)(at), len(raw)/4)
	}
	return d.copied(raw)
}

// copied reads values into memory that all vectors to come share.
func (d *decoder) copied(raw []byte) []float32 {
	n := len(raw) / 4
	if n > len(d.copies) {
		d.copies = make([]float32, n+(len(d.data)-d.at)/4)
	}
	out := d.copies[:n:n]
	d.copies = d.copies[n:]
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}

package op

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// Version is the version of the binary form that Append writes. Every change
// takes the next number, and Decode goes on reading the old ones: logs outlive
// builds.
//
//	1  the first
//	2  the kinds update vectors and delete vectors, the fields mode and vectors,
//	   and a filter beside points
const Version = 2

// The binary form, version 2. Numbers are uvarints unless a width is given;
// "bytes" is a length and so many bytes; offsets count from the version byte.
//
//	version(1)=2  count  operation × count
//	operation: kind(1)  shard  fields  then each field whose bit is set, by rising bit:
//	  0 points       count  point × count
//	  1 ids          count  id × count
//	  2 filter       bytes
//	  3 payload      bytes
//	  4 key          bytes
//	  5 keys         count  bytes × count
//	  6 field        bytes
//	  7 field schema bytes
//	  8 schema       bytes (JSON of schema.Collection)
//	  9 mode         (1)
//	 10 vectors      count  bytes × count
//	id:     tag(1): 0 number(8 LE), 1 UUID(16)
//	point:  id  version  payload bytes  count  vector × count
//	vector: name bytes  dims  zeros up to an offset that 4 divides  float32 LE × dims
const (
	hasPoints = 1 << iota
	hasIDs
	hasFilter
	hasPayload
	hasKey
	hasKeys
	hasField
	hasFieldSchema
	hasSchema
	fieldsEndV1
)

const (
	hasMode = fieldsEndV1 << iota
	hasVectors
	fieldsEnd
)

const (
	idNumber = 0
	idUUID   = 1
)

// littleEndian says whether float32 in memory has the bytes of the binary form.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// Append appends the binary form of ops to dst and returns the result.
func Append(dst []byte, ops []Op) []byte {
	e := encoder{out: slices.Grow(dst, estimate(ops)), start: len(dst)}
	e.out = append(e.out, Version)
	e.uvarint(len(ops))
	for i := range ops {
		e.op(&ops[i])
	}
	return e.out
}

// estimate is a little more than the bytes that ops take.
func estimate(ops []Op) int {
	n := 16
	for i := range ops {
		o := &ops[i]
		n += 64 + 17*len(o.IDs) + len(o.Filter) + len(o.Payload) + len(o.FieldSchema)
		for j := range o.Points {
			n += 40 + len(o.Points[j].Payload)
			for _, v := range o.Points[j].Vectors {
				n += 12 + len(v.Name) + 4*len(v.Values)
			}
		}
	}
	return n
}

type encoder struct {
	out   []byte
	start int
}

func (e *encoder) uvarint(n int) { e.out = binary.AppendUvarint(e.out, uint64(n)) }

func (e *encoder) bytes(b []byte) {
	e.uvarint(len(b))
	e.out = append(e.out, b...)
}

func (e *encoder) string(s string) {
	e.uvarint(len(s))
	e.out = append(e.out, s...)
}

func fields(o *Op) (mask uint64) {
	for _, f := range []struct {
		bit uint64
		set bool
	}{
		{hasPoints, o.Points != nil}, {hasIDs, o.IDs != nil}, {hasFilter, o.Filter != nil},
		{hasPayload, o.Payload != nil}, {hasKey, o.Key != ""}, {hasKeys, o.Keys != nil},
		{hasField, o.Field != ""}, {hasFieldSchema, o.FieldSchema != nil}, {hasSchema, o.Schema != nil},
		{hasMode, o.Mode != InsertOrUpdate}, {hasVectors, o.Vectors != nil},
	} {
		if f.set {
			mask |= f.bit
		}
	}
	return mask
}

func (e *encoder) op(o *Op) {
	e.out = append(e.out, byte(o.Kind))
	e.uvarint(int(o.Shard))
	mask := fields(o)
	e.uvarint(int(mask))
	if mask&hasPoints != 0 {
		e.points(o.Points)
	}
	if mask&hasIDs != 0 {
		e.uvarint(len(o.IDs))
		for _, id := range o.IDs {
			e.id(id)
		}
	}
	if mask&hasFilter != 0 {
		e.bytes(o.Filter)
	}
	if mask&hasPayload != 0 {
		e.bytes(o.Payload)
	}
	if mask&hasKey != 0 {
		e.string(o.Key)
	}
	if mask&hasKeys != 0 {
		e.strings(o.Keys)
	}
	if mask&hasField != 0 {
		e.string(o.Field)
	}
	if mask&hasFieldSchema != 0 {
		e.bytes(o.FieldSchema)
	}
	if mask&hasSchema != 0 {
		e.bytes(schemaJSON(o.Schema))
	}
	if mask&hasMode != 0 {
		e.out = append(e.out, byte(o.Mode))
	}
	if mask&hasVectors != 0 {
		e.strings(o.Vectors)
	}
}

func (e *encoder) strings(list []string) {
	e.uvarint(len(list))
	for _, s := range list {
		e.string(s)
	}
}

// schemaJSON keeps the raw parts of a schema as they came.
func schemaJSON(c *schema.Collection) []byte {
	var b bytes.Buffer
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	if err := j.Encode(c); err != nil {
		panic(fmt.Sprintf("bug: a validated schema has no JSON form: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (e *encoder) id(id point.ID) {
	hi, lo := id.Words()
	if !id.IsUUID() {
		e.out = binary.LittleEndian.AppendUint64(append(e.out, idNumber), lo)
		return
	}
	e.out = binary.BigEndian.AppendUint64(append(e.out, idUUID), hi)
	e.out = binary.BigEndian.AppendUint64(e.out, lo)
}

func (e *encoder) points(points []point.Point) {
	e.uvarint(len(points))
	for i := range points {
		p := &points[i]
		e.id(p.ID)
		e.out = binary.AppendUvarint(e.out, p.Version)
		e.bytes(p.Payload)
		e.uvarint(len(p.Vectors))
		for _, v := range p.Vectors {
			e.string(v.Name)
			e.uvarint(len(v.Values))
			e.floats(v.Values)
		}
	}
}

func (e *encoder) floats(v []float32) {
	for (len(e.out)-e.start)%4 != 0 {
		e.out = append(e.out, 0)
	}
	if len(v) == 0 {
		return
	}
	if littleEndian {
		e.out = append(e.out, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))...)
		return
	}
	for _, x := range v {
		e.out = binary.LittleEndian.AppendUint32(e.out, math.Float32bits(x))
	}
}

// Package payload holds a shard's indexes over payload values: which slots have
// which value under a field, and how many.
//
// Who calls: storage/shard, which keeps the rows in its store and guards the
// indexes with its own lock (writers alone, readers together). It calls
// index/filter for paths and conditions. It never decides what an operation
// does: it only narrows what is looked at.
package payload

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/tidwall/btree"
	"github.com/valyala/fastjson"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
)

// Kind is the contract's name of an index kind.
type Kind string

// The kinds of this version.
const (
	Keyword Kind = "keyword" // strings
	Integer Kind = "integer" // numbers
	Float   Kind = "float"   // numbers
	Bool    Kind = "bool"
)

// Schema is one payload index.
type Schema struct {
	Field   string
	Kind    Kind
	Options json.RawMessage // as the user gave it: a name or an object
	path    filter.Path
}

// ParseSchema reads a field_schema: a kind's name, or an object with "type".
func ParseSchema(field string, text []byte) (Schema, error) {
	path, err := filter.ParsePath(field)
	if err != nil {
		return Schema{}, &filter.Error{Field: "field_name", Problem: err.Error()}
	}
	s := Schema{Field: field, Options: bytes.Clone(text), path: path}
	var object struct {
		Type Kind `json:"type"`
	}
	if json.Unmarshal(text, &s.Kind) != nil {
		if err := json.Unmarshal(text, &object); err != nil {
			return s, &filter.Error{Field: "field_schema", Problem: "expected a kind or an object with a type"}
		}
		s.Kind = object.Type
	}
	switch s.Kind {
	case Keyword, Integer, Float, Bool:
		return s, nil
	case "geo", "text", "datetime", "uuid":
		return s, &filter.Error{Field: "field_schema", Problem: fmt.Sprintf("%q indexes are not supported yet; filters on the field work without one", s.Kind)}
	}
	return s, &filter.Error{Field: "field_schema", Problem: fmt.Sprintf("unknown kind %q: use keyword, integer, float or bool", s.Kind)}
}

// Rows, as the shard stores them before the slot:
//
//	field length (2 BE)  field  tag(1)  value
//
// 's' string bytes · 'i' order-preserving float64 (8), then int64 (8) ·
// 'f' order-preserving float64 (8) · 'b' 0 or 1. Within a field and a tag, rows
// are in the order of the values.
const (
	tagString = 's'
	tagInt    = 'i'
	tagFloat  = 'f'
	tagBool   = 'b'
)

// RowPrefix begins every row of a field.
func RowPrefix(field string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(field))), field...)
}

func ordered(f float64) uint64 {
	b := math.Float64bits(f)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

// term is the tag and value of a scalar; nil when the kind does not hold it.
func (s *Schema) term(dst []byte, v *fastjson.Value) []byte {
	switch v.Type() {
	case fastjson.TypeString:
		if s.Kind == Keyword {
			text, _ := v.StringBytes()
			return append(append(dst, tagString), text...)
		}
	case fastjson.TypeNumber:
		if s.Kind == Integer || s.Kind == Float {
			return number(dst, v)
		}
	case fastjson.TypeTrue, fastjson.TypeFalse:
		if s.Kind == Bool {
			return append(dst, tagBool, byte(v.Type()-fastjson.TypeTrue)^1)
		}
	}
	return nil
}

func number(dst []byte, v *fastjson.Value) []byte {
	f, err := v.Float64()
	if err != nil {
		f = math.MaxFloat64
	}
	if f == 0 {
		f = 0 // −0 and 0 are one value
	}
	if n, err := v.Int64(); err == nil {
		return intTerm(dst, n)
	}
	return binary.BigEndian.AppendUint64(append(dst, tagFloat), ordered(f))
}

func intTerm(dst []byte, n int64) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, tagInt), ordered(float64(n)))
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

// Rows calls emit with each distinct row that a payload has in an index. The
// row may be kept only until emit returns.
func Rows(s Schema, payload []byte, emit func(row []byte)) error {
	var d filter.Doc
	if err := d.Parse(payload); err != nil {
		return err
	}
	seen := map[string]struct{}{}
	prefix := RowPrefix(s.Field)
	d.Scalars(s.path, func(v *fastjson.Value) bool {
		row := s.term(bytes.Clone(prefix), v)
		if _, twice := seen[string(row)]; row != nil && !twice {
			seen[string(row)] = struct{}{}
			emit(row)
		}
		return false
	})
	return nil
}

// field is one index in memory: ordered terms with their slots.
type field struct {
	Schema
	terms btree.Map[string, *roaring.Bitmap]
	huge  int // postings of numbers beyond 2⁵³, which ranges do not decide here
}

// Indexes is all payload indexes of one shard. Not locked: see the package.
type Indexes struct{ fields map[string]*field }

// New has no index.
func New() *Indexes { return &Indexes{fields: map[string]*field{}} }

// Add starts an empty index.
func (x *Indexes) Add(s Schema) { x.fields[s.Field] = &field{Schema: s} }

// Drop forgets an index; none is fine.
func (x *Indexes) Drop(field string) { delete(x.fields, field) }

// Schemas lists the indexes by field.
func (x *Indexes) Schemas() []Schema {
	out := make([]Schema, 0, len(x.fields))
	for _, name := range sortedNames(x.fields) {
		out = append(out, x.fields[name].Schema)
	}
	return out
}

// Points is how many slots have a value in the field's index.
func (x *Indexes) Points(name string) int {
	f, ok := x.fields[name]
	if !ok {
		return 0
	}
	all := roaring.New()
	f.terms.Scan(func(_ string, b *roaring.Bitmap) bool {
		all.Or(b)
		return true
	})
	return int(all.GetCardinality())
}

// Diff calls emit with what changes in the indexes when a slot's payload goes
// from old to fresh; nil payloads have no values.
func (x *Indexes) Diff(_ index.Slot, old, fresh []byte, emit func(row []byte, add bool)) error {
	for _, f := range x.fields {
		before := map[string]struct{}{}
		if err := Rows(f.Schema, old, func(row []byte) { before[string(row)] = struct{}{} }); err != nil {
			return err
		}
		if err := Rows(f.Schema, fresh, func(row []byte) {
			if _, stays := before[string(row)]; stays {
				delete(before, string(row))
				return
			}
			emit(row, true)
		}); err != nil {
			return err
		}
		for row := range before {
			emit([]byte(row), false)
		}
	}
	return nil
}

// Put adds a slot to a row's posting. Rows of unknown fields are passed over.
func (x *Indexes) Put(row []byte, slot index.Slot) {
	f, term := x.find(row)
	if f == nil {
		return
	}
	b, ok := f.terms.Get(term)
	if !ok {
		b = roaring.New()
		f.terms.Set(term, b)
	}
	if b.CheckedAdd(uint32(slot)) && isHuge(term) {
		f.huge++
	}
}

// Remove takes a slot out of a row's posting.
func (x *Indexes) Remove(row []byte, slot index.Slot) {
	f, term := x.find(row)
	if f == nil {
		return
	}
	b, ok := f.terms.Get(term)
	if !ok || !b.CheckedRemove(uint32(slot)) {
		return
	}
	if isHuge(term) {
		f.huge--
	}
	if b.IsEmpty() {
		f.terms.Delete(term)
	}
}

func (x *Indexes) find(row []byte) (*field, string) {
	if len(row) < 2 {
		return nil, ""
	}
	n := 2 + int(binary.BigEndian.Uint16(row))
	if len(row) < n {
		return nil, ""
	}
	return x.fields[string(row[2:n])], string(row[n:])
}

func isHuge(term string) bool {
	if len(term) < 9 || term[0] != tagInt && term[0] != tagFloat {
		return false
	}
	b := binary.BigEndian.Uint64([]byte(term[1:9]))
	return b >= ordered(1<<53) || b <= ordered(-(1<<53))
}

func unordered(b uint64) float64 {
	if b>>63 != 0 {
		return math.Float64frombits(b &^ (1 << 63))
	}
	return math.Float64frombits(^b)
}

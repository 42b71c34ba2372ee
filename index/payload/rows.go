package payload

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// Rows, as the shard stores them before the slot:
//
//	field length (2 BE)  field  tag(1)  value
//
// Within a field and a tag, rows are in the order of the values.
//
//	00 version(1)=2 state(1) id(17)   the index itself, under slot 0; state 0: complete,
//	                                  1: being built, and the id is the next point's
//	's' string                        keyword, uuid
//	'i' float64 int64 (8 each)        integer and float: integers, both order-preserving
//	'f' float64 (8)                   integer and float: other numbers, order-preserving
//	'b' 0 or 1                        bool
//	'd' microseconds (8)              datetime, order-preserving
//	'g' lon lat (8 each)              geo, order-preserving float64
//	'w' word                          text
//	'v'                               the field has a value: it is not empty
//	'n'                               one of its values is null
//	'o'                               one of its values is of a kind that the index does not hold
//	'c' count (8 BE)                  how many values; missing where it is one value alone
const (
	tagIndex  = 0
	tagString = 's'
	tagInt    = 'i'
	tagFloat  = 'f'
	tagBool   = 'b'
	tagTime   = 'd'
	tagGeo    = 'g'
	tagWord   = 'w'
	tagHas    = 'v'
	tagNull   = 'n'
	tagOther  = 'o'
	tagCount  = 'c'
)

// rowsVersion is the version of the rows of one index. A field whose rows have
// no version, or another, is built anew.
//
//	2  has the rows 0, v, n, o and c; those before had no version
const rowsVersion = 2

const (
	complete = 0
	building = 1
)

// RowPrefix begins every row of a field.
func RowPrefix(field string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(field))), field...)
}

// StateRow is the row that says how far an index is: complete, or built up to
// the point before next. It is stored under slot 0.
func StateRow(field string, done bool, next point.ID) []byte {
	row := append(RowPrefix(field), tagIndex, rowsVersion)
	if done {
		return append(row, complete)
	}
	return next.AppendKey(append(row, building))
}

// StateRows are the bounds of the keys of StateRow.
func StateRows(field string) (from, to []byte) {
	from = append(RowPrefix(field), tagIndex)
	return from, above(from)
}

// rower makes the rows of one payload in one index. One goroutine.
type rower struct {
	s      *Schema
	buf    []byte
	ends   []int
	counts []uint64
	has    bool
}

// rows answers the distinct rows, sorted; they are valid until the next call.
func (r *rower) rows(s *Schema, d *filter.Doc, into [][]byte) [][]byte {
	r.s, r.buf, r.ends, r.counts, r.has = s, r.buf[:0], r.ends[:0], r.counts[:0], false
	d.Values(s.path, r.visit)
	if len(r.counts) == 0 {
		return into // the field is missing
	}
	d.Scalars(s.path, r.scalar)
	if r.has {
		r.end(append(r.buf, tagHas))
	}
	if len(r.counts) != 1 || r.counts[0] != 1 {
		for _, n := range r.counts {
			r.end(binary.BigEndian.AppendUint64(append(r.buf, tagCount), n))
		}
	}
	from, first := 0, len(into)
	for _, end := range r.ends {
		into = append(into, r.buf[from:end:end])
		from = end
	}
	fresh := into[first:]
	slices.SortFunc(fresh, bytes.Compare)
	return into[:first+len(slices.CompactFunc(fresh, bytes.Equal))]
}

// end closes a row that stands at the end of buf.
func (r *rower) end(buf []byte) {
	r.buf = buf
	r.ends = append(r.ends, len(buf))
}

func (r *rower) visit(v *fastjson.Value) bool {
	n := filter.CountOf(v)
	r.counts = append(r.counts, n)
	r.has = r.has || n > 0
	return false
}

func (r *rower) scalar(v *fastjson.Value) bool {
	switch {
	case v.Type() == fastjson.TypeNull:
		r.end(append(r.buf, tagNull))
	case !r.term(v):
		r.end(append(r.buf, tagOther))
	}
	return false
}

// term makes the rows of a value; false where the kind does not hold it.
func (r *rower) term(v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeString:
		text, _ := v.StringBytes()
		return r.string(text)
	case fastjson.TypeNumber:
		if r.s.Kind != Integer && r.s.Kind != Float {
			return false
		}
		r.end(numberRow(r.buf, v))
		return true
	case fastjson.TypeTrue, fastjson.TypeFalse:
		if r.s.Kind != Bool {
			return false
		}
		r.end(append(r.buf, tagBool, byte(v.Type()-fastjson.TypeTrue)^1))
		return true
	case fastjson.TypeObject:
		g, ok := filter.GeoOf(v)
		if r.s.Kind != Geo || !ok {
			return false
		}
		r.buf = binary.BigEndian.AppendUint64(append(r.buf, tagGeo), ordered(g.Lon))
		r.end(binary.BigEndian.AppendUint64(r.buf, ordered(g.Lat)))
		return true
	}
	return false
}

func (r *rower) string(text []byte) bool {
	switch r.s.Kind {
	case Keyword, UUID:
		r.end(append(append(r.buf, tagString), text...))
		return true
	case Datetime:
		micros, ok := filter.ParseTime(string(text))
		if ok {
			r.end(binary.BigEndian.AppendUint64(append(r.buf, tagTime), orderedInt(micros)))
		}
		return ok
	case Text:
		for _, t := range r.s.analyzer.Analyze(string(text), false) {
			r.end(append(append(r.buf, tagWord), t.Term...))
		}
		return true
	}
	return false
}

func numberRow(dst []byte, v *fastjson.Value) []byte {
	if n, err := v.Int64(); err == nil {
		dst = binary.BigEndian.AppendUint64(append(dst, tagInt), ordered(float64(n)))
		return binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	f, err := v.Float64()
	if err != nil {
		f = math.Inf(1)
		if strings.HasPrefix(v.String(), "-") {
			f = math.Inf(-1)
		}
	}
	if f == 0 {
		f = 0 // −0 and 0 are one value
	}
	return binary.BigEndian.AppendUint64(append(dst, tagFloat), ordered(f))
}

func bigEndian(b string) uint64 { return binary.BigEndian.Uint64([]byte(b)) }

package payload

import (
	"maps"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
)

// Version is the indexes at one moment. It never changes: any number of
// goroutines may read it. The nil *Version has no index.
type Version struct{ fields map[string]*field }

func (v *Version) field(name string) (*field, bool) {
	if v == nil {
		return nil, false
	}
	f, ok := v.fields[name]
	return f, ok
}

// Schemas lists the indexes by field.
func (v *Version) Schemas() []Schema {
	if v == nil {
		return nil
	}
	return schemas(v.fields)
}

// Schema is a field's index; false when there is none.
func (v *Version) Schema(name string) (Schema, bool) {
	f, ok := v.field(name)
	if !ok {
		return Schema{}, false
	}
	return f.Schema, true
}

// Progress tells how far a field's index is; false when there is none.
func (v *Version) Progress(name string) (Progress, bool) {
	f, ok := v.field(name)
	if !ok {
		return Progress{}, false
	}
	return f.progress(), true
}

// Analyzer is how a field's text index cuts text, whether the index is complete
// or not; nil when it has none.
func (v *Version) Analyzer(name string) filter.Analyze {
	if f, ok := v.field(name); ok {
		return f.Analyze()
	}
	return nil
}

// Unbuilt lists the fields whose indexes are not complete.
func (v *Version) Unbuilt() []string {
	return v.list(func(f *field) bool { return !f.done })
}

// Unloaded lists the fields that are to be brought into memory.
func (v *Version) Unloaded() []string {
	return v.list(func(f *field) bool { return f.done && f.mem == nil && !f.Cold() })
}

// Overgrown lists the fields whose values are to be packed anew: see Pack.
func (v *Version) Overgrown() []string {
	return v.list(func(f *field) bool { return f.mem != nil && f.mem.overgrown() })
}

// Wants tells whether any index is to be built, loaded or packed anew.
func (v *Version) Wants() bool {
	if v == nil {
		return false
	}
	for _, f := range v.fields {
		if !f.done || f.mem == nil && !f.Cold() || f.mem != nil && f.mem.overgrown() {
			return true
		}
	}
	return false
}

func (v *Version) list(which func(*field) bool) (out []string) {
	if v == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(v.fields)) {
		if which(v.fields[name]) {
			out = append(out, name)
		}
	}
	return out
}

// Pack is a field's values in as few bytes as they need; nil when they are not in
// memory.
func (v *Version) Pack(name string) *Loaded {
	f, ok := v.field(name)
	if !ok || f.mem == nil {
		return nil
	}
	return &Loaded{f.mem.pack()}
}

// Rows is the rows that a version's fields are made of, at the same moment.
type Rows struct {
	Scan Scan
	Next index.Slot // above every slot
}

// At is the version with the rows of its moment. One goroutine.
func (v *Version) At(r Rows) *Reader { return &Reader{v: v, rows: r} }

// Reader answers from one version of the indexes. One goroutine.
type Reader struct {
	v     *Version
	rows  Rows
	fault error // of reading rows; what was answered then is not whole
}

// taken is the fault of reading, once.
func (r *Reader) taken() error {
	err := r.fault
	r.fault = nil
	return err
}

// Schema is a field's index; false when there is none.
func (r *Reader) Schema(name string) (Schema, bool) { return r.v.Schema(name) }

// source is where a field's values are.
func (r *Reader) source(f *field) source {
	if f.mem != nil {
		return f.mem
	}
	return r.stored(f)
}

func (r *Reader) stored(f *field) *stored {
	return &stored{scan: r.rows.Scan, next: r.rows.Next, prefix: RowPrefix(f.Field), time: f.Kind == Datetime, fault: &r.fault}
}

// Size is how much an index holds.
type Size struct {
	Points int   // slots that have a value in it
	Bytes  int64 // about, in memory
}

// Size is how much a field's index holds. Of an index whose values are not in
// memory the points are counted at the first question, and kept up to date then.
func (r *Reader) Size(name string) (Size, error) {
	f, ok := r.v.field(name)
	switch {
	case !ok || !f.done:
		return Size{}, nil
	case f.mem != nil:
		return Size{Points: f.mem.points(), Bytes: f.mem.bytes()}, nil
	}
	base := int(f.base.Load()) - 1
	if base < 0 {
		base = r.stored(f).points() - f.grown
		if r.fault != nil {
			return Size{}, r.taken()
		}
		f.base.Store(int64(base) + 1)
	}
	return Size{Points: base + f.grown}, nil
}

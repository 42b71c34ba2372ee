package shard

import (
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
)

// Sizes is how much a shard stores.
type Sizes struct {
	Points       int
	VectorBytes  int64 // of live vectors, as stored
	PayloadBytes int64 // JSON text of live payloads
}

// Sizes counts what the shard stores. Payloads are counted only when asked for:
// the first count after an open reads all of them.
func (s *Shard) Sizes(payloads bool) (Sizes, error) {
	v, err := s.view()
	if err != nil {
		return Sizes{}, err
	}
	defer v.Release()
	out := Sizes{Points: v.st.live.Len()}
	for i := range v.st.fields {
		f := &v.st.fields[i]
		out.VectorBytes += int64(f.has.Len()) * f.stored()
	}
	if !payloads {
		return out, nil
	}
	base := s.opened.Load()
	if base == nil {
		n, err := v.countPayloads()
		if err != nil {
			return out, err
		}
		n -= v.st.payload // what was there at the open
		s.opened.Store(&n)
		base = &n
	}
	out.PayloadBytes = *base + v.st.payload
	return out, nil
}

// stored is the bytes of one vector.
func (f *field) stored() int64 { return int64(f.conf.RowBytes()) }

func (v *View) countPayloads() (n int64, err error) {
	err = v.Scan(point.ID{}, func(e *Entry) bool {
		n += int64(len(e.Payload()))
		return true
	})
	return n, err
}

// PayloadIndexes lists the payload indexes by field, cheaply.
func (s *Shard) PayloadIndexes() ([]payload.Schema, error) {
	if !s.pins.take() {
		return nil, op.ErrNoShard
	}
	defer s.pins.drop()
	return s.current.Load().indexes.Schemas(), nil
}

package source

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/kithdb/kith/client"
)

const (
	bufferBytes = 1 << 20
	headerBytes = 8 // of an fbin or ibin
)

func readFBin(r io.Reader, o Options) func() (client.Point, error) {
	in, id := bufio.NewReaderSize(r, bufferBytes), rowIDs(o.FirstID)
	var rows, dim, at int
	return func() (client.Point, error) {
		if dim == 0 {
			var err error
			if rows, dim, err = header(in); err != nil {
				return client.Point{}, err
			}
		}
		if at == rows {
			return client.Point{}, io.EOF
		}
		at++
		v, err := floats(in, dim)
		if err != nil {
			return client.Point{}, fmt.Errorf("the file ends before its %d rows: %w", rows, err)
		}
		return client.Point{ID: id(), Vectors: client.Vectors{o.VectorName: v}}, nil
	}
}

// header reads an fbin's or ibin's two counts.
func header(r io.Reader) (rows, columns int, err error) {
	var h [headerBytes]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, 0, fmt.Errorf("header of rows and columns: %w", unexpected(err))
	}
	rows, columns = int(binary.LittleEndian.Uint32(h[:])), int(binary.LittleEndian.Uint32(h[4:]))
	if columns < 1 || columns > MaxDim {
		return 0, 0, fmt.Errorf("the header says %d columns, vectors have 1 to %d: is this the right format?", columns, MaxDim)
	}
	return rows, columns, nil
}

func readFVecs(r io.Reader, o Options) func() (client.Point, error) {
	in, id := bufio.NewReaderSize(r, bufferBytes), rowIDs(o.FirstID)
	dim := 0
	return func() (client.Point, error) {
		var h [4]byte
		if _, err := io.ReadFull(in, h[:]); err != nil {
			return client.Point{}, err // io.EOF between rows is the end
		}
		n := int(int32(binary.LittleEndian.Uint32(h[:])))
		if n < 1 || n > MaxDim {
			return client.Point{}, fmt.Errorf("the row says %d columns, vectors have 1 to %d: is this the right format?", n, MaxDim)
		}
		if dim != 0 && n != dim {
			return client.Point{}, fmt.Errorf("%d columns, the rows before have %d", n, dim)
		}
		dim = n
		v, err := floats(in, dim)
		if err != nil {
			return client.Point{}, fmt.Errorf("the file ends inside the row: %w", err)
		}
		return client.Point{ID: id(), Vectors: client.Vectors{o.VectorName: v}}, nil
	}
}

func floats(r io.Reader, n int) ([]float32, error) {
	raw := make([]byte, 4*n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, unexpected(err)
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return v, nil
}

// unexpected keeps an end in the middle from being taken for the end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

package source

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Matrix is a whole file of rows in memory.
type Matrix[T float32 | int32] struct {
	Rows, Columns int
	Cells         []T // row after row
}

// Row is row i; it shares the matrix's memory.
func (m *Matrix[T]) Row(i int) []T { return m.Cells[i*m.Columns : (i+1)*m.Columns] }

// Slice is the rows [from, to); it shares the matrix's memory.
func (m *Matrix[T]) Slice(from, to int) *Matrix[T] {
	return &Matrix[T]{Rows: to - from, Columns: m.Columns, Cells: m.Cells[from*m.Columns : to*m.Columns : to*m.Columns]}
}

// Shape is how many rows and columns a matrix has, or is to have.
type Shape struct{ Rows, Columns int }

// LoadMatrix reads an fbin, fvecs (float32), ibin or ivecs (int32) file, by its
// name.
func LoadMatrix[T float32 | int32](path string) (*Matrix[T], error) { return LoadRows[T](path, 0) }

// LoadRows is LoadMatrix of the first rows, at most so many; 0 takes all.
func LoadRows[T float32 | int32](path string, most int) (*Matrix[T], error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	load := loadBin[T]
	if strings.HasSuffix(strings.ToLower(path), "vecs") {
		load = loadVecs[T]
	}
	m, err := load(f, info.Size(), most)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func loadBin[T float32 | int32](f io.Reader, size int64, most int) (*Matrix[T], error) {
	rows, columns, err := header(f)
	if err != nil {
		return nil, err
	}
	if want := 8 + 4*int64(rows)*int64(columns); size != want {
		return nil, fmt.Errorf("%d bytes, its header says %d", size, want)
	}
	return ReadMatrix[T](f, Shape{atMost(rows, most), columns})
}

// atMost is n, or the bound where there is one and n passes it.
func atMost(n, most int) int {
	if most > 0 {
		return min(n, most)
	}
	return n
}

// ReadMatrix reads cells, little-endian, row after row. It leaves no garbage
// behind: who measures memory by what a process grows by reads data sets first.
func ReadMatrix[T float32 | int32](r io.Reader, s Shape) (*Matrix[T], error) {
	m := &Matrix[T]{Rows: s.Rows, Columns: s.Columns, Cells: make([]T, s.Rows*s.Columns)}
	buffer := make([]byte, min(4*len(m.Cells), bufferBytes))
	for at := 0; at < len(m.Cells); {
		n := min(len(buffer)/4, len(m.Cells)-at)
		if err := readCells(r, m.Cells[at:at+n], buffer); err != nil {
			return nil, err
		}
		at += n
	}
	return m, nil
}

// readCells fills cells by way of a buffer that is large enough.
func readCells[T float32 | int32](r io.Reader, cells []T, buffer []byte) error {
	raw := buffer[:4*len(cells)]
	if _, err := io.ReadFull(r, raw); err != nil {
		return unexpected(err)
	}
	_, err := binary.Decode(raw, binary.LittleEndian, cells)
	return err
}

// loadVecs reads rows that each begin with their number of columns.
func loadVecs[T float32 | int32](f io.Reader, size int64, most int) (*Matrix[T], error) {
	in := bufio.NewReaderSize(f, bufferBytes)
	head, err := in.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("the first row's number of columns: %w", unexpected(err))
	}
	columns := int(int32(binary.LittleEndian.Uint32(head)))
	if columns < 1 || columns > MaxDim {
		return nil, fmt.Errorf("the first row says %d columns, vectors have 1 to %d: is this the right format?", columns, MaxDim)
	}
	if size%int64(4+4*columns) != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of rows of %d columns", size, columns)
	}
	m := &Matrix[T]{Rows: atMost(int(size/int64(4+4*columns)), most), Columns: columns}
	m.Cells = make([]T, m.Rows*columns)
	buffer := make([]byte, 4+4*columns)
	for i := range m.Rows {
		if _, err := io.ReadFull(in, buffer[:4]); err != nil {
			return nil, unexpected(err)
		}
		if n := int(int32(binary.LittleEndian.Uint32(buffer))); n != columns {
			return nil, fmt.Errorf("row %d says %d columns, the rows before have %d", i+1, n, columns)
		}
		if err := readCells(in, m.Row(i), buffer); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// SaveMatrix writes an fbin or ibin file, whole or not at all.
func SaveMatrix[T float32 | int32](path string, m *Matrix[T]) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, bufferBytes)
	err = WriteHeader(out, Shape{m.Rows, m.Columns})
	for i := 0; i < m.Rows && err == nil; i++ {
		err = binary.Write(out, binary.LittleEndian, m.Row(i))
	}
	if err = errors.Join(err, out.Flush(), f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// WriteHeader writes an fbin's or ibin's two counts.
func WriteHeader(w io.Writer, s Shape) error {
	return binary.Write(w, binary.LittleEndian, [2]uint32{uint32(s.Rows), uint32(s.Columns)})
}

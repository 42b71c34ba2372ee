package source

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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
	return LoadInto(path, most, onHeap[T])
}

// Room gives a matrix's cells their place. held: they are there already, from an
// earlier time, and the file is not read for them.
type Room[T float32 | int32] func(s Shape) (cells []T, held bool, err error)

func onHeap[T float32 | int32](s Shape) ([]T, bool, error) {
	return make([]T, s.Rows*s.Columns), false, nil
}

// LoadInto is LoadRows of cells that lie in a room.
func LoadInto[T float32 | int32](path string, most int, room Room[T]) (*Matrix[T], error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	in := matrixFile[T]{f, info.Size(), most, room}
	load := in.bin
	if strings.HasSuffix(strings.ToLower(path), "vecs") {
		load = in.vecs
	}
	m, err := load()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// matrixFile is a file that is loaded, its first rows at most so many.
type matrixFile[T float32 | int32] struct {
	f    *os.File
	size int64
	most int
	room Room[T]
}

// place makes the matrix; held: it is whole.
func (in *matrixFile[T]) place(s Shape) (m *Matrix[T], held bool, err error) {
	m = &Matrix[T]{Rows: s.Rows, Columns: s.Columns}
	m.Cells, held, err = in.room(s)
	return m, held, err
}

// bin reads an fbin or ibin, in pieces on all cores.
func (in *matrixFile[T]) bin() (*Matrix[T], error) {
	rows, columns, err := header(in.f)
	if err != nil {
		return nil, err
	}
	if want := headerBytes + 4*int64(rows)*int64(columns); in.size != want {
		return nil, fmt.Errorf("%d bytes, its header says %d", in.size, want)
	}
	m, held, err := in.place(Shape{atMost(rows, in.most), columns})
	if err != nil || held {
		return m, err
	}
	const piece = bufferBytes / 4
	var next atomic.Int64
	var readers sync.WaitGroup
	faults := make([]error, min(runtime.GOMAXPROCS(0), len(m.Cells)/piece+1))
	for r := range faults {
		readers.Go(func() {
			buffer := make([]byte, min(4*len(m.Cells), bufferBytes))
			for faults[r] == nil {
				from := int(next.Add(piece)) - piece
				if from >= len(m.Cells) {
					return
				}
				to := min(from+piece, len(m.Cells))
				faults[r] = readCells(io.NewSectionReader(in.f, CellAt(from), 4*int64(to-from)), m.Cells[from:to], buffer)
			}
		})
	}
	readers.Wait()
	return m, errors.Join(faults...)
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
func (in *matrixFile[T]) vecs() (*Matrix[T], error) {
	r := bufio.NewReaderSize(in.f, bufferBytes)
	head, err := r.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("the first row's number of columns: %w", unexpected(err))
	}
	columns := int(int32(binary.LittleEndian.Uint32(head)))
	if columns < 1 || columns > MaxDim {
		return nil, fmt.Errorf("the first row says %d columns, vectors have 1 to %d: is this the right format?", columns, MaxDim)
	}
	if in.size%int64(4+4*columns) != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of rows of %d columns", in.size, columns)
	}
	m, held, err := in.place(Shape{atMost(int(in.size/int64(4+4*columns)), in.most), columns})
	if err != nil || held {
		return m, err
	}
	buffer := make([]byte, 4+4*columns)
	for i := range m.Rows {
		if _, err := io.ReadFull(r, buffer[:4]); err != nil {
			return nil, unexpected(err)
		}
		if n := int(int32(binary.LittleEndian.Uint32(buffer))); n != columns {
			return nil, fmt.Errorf("row %d says %d columns, the rows before have %d", i+1, n, columns)
		}
		if err := readCells(r, m.Row(i), buffer); err != nil {
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

// CellAt is where a cell lies in an fbin or ibin.
func CellAt(cell int) int64 { return headerBytes + 4*int64(cell) }

// WriteHeader writes an fbin's or ibin's two counts.
func WriteHeader(w io.Writer, s Shape) error {
	return binary.Write(w, binary.LittleEndian, [2]uint32{uint32(s.Rows), uint32(s.Columns)})
}

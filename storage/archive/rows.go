package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// maxKey bounds a row's key: a posting's holds a payload value, which a payload
// index keeps short.
const maxKey = 1 << 20

// maxValue bounds a row's value: a store's batch cannot hold a larger one.
const maxValue = 1 << 30

// AppendRow appends a row in the form of a rows stream: the lengths as uvarints
// before key and value.
func AppendRow(dst, key, value []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	dst = append(dst, key...)
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// EachRow reads a rows stream. What it hands out is valid until visit returns.
// Memory grows with what really came, never with what a length says.
func EachRow(r io.Reader, visit func(key, value []byte) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var key, value []byte
	for {
		n, err := binary.ReadUvarint(in)
		if errors.Is(err, io.EOF) && n == 0 {
			return nil
		}
		if err != nil {
			return cut(err)
		}
		if key, err = fill(in, key, n, maxKey); err != nil {
			return err
		}
		if n, err = binary.ReadUvarint(in); err != nil {
			return cut(err)
		}
		if value, err = fill(in, value, n, maxValue); err != nil {
			return err
		}
		if err := visit(key, value); err != nil {
			return err
		}
	}
}

// cut names a stream that ends within a row.
func cut(err error) error {
	var below *sourceError
	switch {
	case errors.As(err, &below), errors.Is(err, ErrCorrupt), errors.Is(err, ErrFormat):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return corrupt("a row is cut short")
	}
	return corrupt("a row: %v", err)
}

// fill reads n bytes into buf, growing it as they come.
func fill(in *bufio.Reader, buf []byte, n, most uint64) ([]byte, error) {
	if n > most {
		return buf, corrupt("a part of a row has %d bytes, the most is %d", n, most)
	}
	buf = buf[:0]
	for uint64(len(buf)) < n {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		at := len(buf)
		end := min(uint64(cap(buf)), n)
		buf = buf[:end]
		if _, err := io.ReadFull(in, buf[at:]); err != nil {
			return buf, cut(err)
		}
	}
	return buf, nil
}

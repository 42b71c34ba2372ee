package bulk

import (
	"errors"
	"io"
	"os"
	"sync"
)

const (
	// streamFrom is the size from which a file is read ahead in large pieces.
	streamFrom  = 32 << 20
	streamPiece = 1 << 20
)

// OpenStream opens a file to be read once, from its beginning to its end: a large
// one is read ahead, several pieces at a time.
//
// Concurrency: one goroutine. Lifetime: Close it once.
func OpenStream(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() < streamFrom {
		return os.Open(path)
	}
	from, err := openSource(path)
	if err != nil {
		return nil, err
	}
	return startStream(from, info.Size()), nil
}

func startStream(from *source, size int64) *stream {
	s := &stream{
		from: from, size: size, coming: make(chan chan piece, ahead),
		spare: make(chan []byte, ahead), done: make(chan struct{}),
	}
	s.reads.Go(s.run)
	return s
}

type piece struct {
	data []byte
	err  error
}

// stream is a file whose next pieces are being read.
type stream struct {
	from   *source
	size   int64
	coming chan chan piece // in order
	done   chan struct{}   // closed by Close
	reads  sync.WaitGroup
	spare  chan []byte // buffers that were read
	now    []byte      // what is left of the piece under way
	buf    []byte      // all of it
	err    error
}

// run begins the reads, as many at once as there is room in coming.
func (s *stream) run() {
	defer close(s.coming)
	for at := int64(0); at < s.size; at += streamPiece {
		next := make(chan piece, 1)
		select {
		case s.coming <- next:
		case <-s.done:
			return
		}
		s.reads.Go(func() { next <- s.read(at) })
	}
}

func (s *stream) read(at int64) piece {
	var buf []byte
	select {
	case buf = <-s.spare:
	default:
		buf = buffer(streamPiece)
	}
	data := buf[:min(streamPiece, s.size-at)]
	return piece{data: data, err: s.from.readAt(data, at)}
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	for len(s.now) == 0 && s.err == nil {
		s.next()
	}
	if len(s.now) == 0 {
		return 0, s.err
	}
	n := copy(p, s.now)
	s.now = s.now[n:]
	return n, nil
}

func (s *stream) next() {
	if s.buf != nil {
		select {
		case s.spare <- s.buf:
		default:
		}
		s.buf = nil
	}
	coming, ok := <-s.coming
	if !ok {
		s.err = io.EOF
		return
	}
	got := <-coming
	if got.err != nil {
		s.err = got.err
		return
	}
	s.now, s.buf = got.data, got.data[:cap(got.data)]
}

// Close waits for the reads under way and lets go of the file.
func (s *stream) Close() error {
	close(s.done)
	s.reads.Wait()
	if s.err == nil {
		s.err = errors.New("closed")
	}
	return s.from.close()
}

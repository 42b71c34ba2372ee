// Package process runs real kith servers as child processes, for the tools that
// must see one killed, restarted or measured from outside.
//
// Who calls: tools/torture, tools/clients, kith bench. It calls the go command
// (Build) and the binary. It signals only the processes that it started, by
// their own handle.
package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Build compiles ./tools/kith of the module at root into folder and returns the
// binary's path.
func Build(ctx context.Context, root, folder string) (string, error) {
	binary := filepath.Join(folder, "kith")
	c := exec.CommandContext(ctx, "go", "build", "-o", binary, "./tools/kith")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build kith: %w\n%s", err, out)
	}
	return binary, nil
}

// Options starts a server.
type Options struct {
	Binary  string
	DataDir string
	Args    []string  // further flags of kith serve
	Env     []string  // further environment, NAME=VALUE
	Log     io.Writer // gets the server's log; nil drops it
}

// Server is a running child.
//
// Concurrency: methods from one goroutine, but URL and PID from any. Lifetime:
// end it with Stop or Kill.
type Server struct {
	url   string
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone
	err   error         // how it ended; read after ended
	tail  *tail
}

// Start runs kith serve on a free port of 127.0.0.1 and returns once it listens.
// The child ends with ctx, by SIGKILL.
func Start(ctx context.Context, o Options) (*Server, error) {
	args := append([]string{"serve", "--data-dir", o.DataDir, "--http-addr", "127.0.0.1:0", "--log-format", "json"}, o.Args...)
	s := &Server{cmd: exec.CommandContext(ctx, o.Binary, args...), ended: make(chan struct{}), tail: &tail{}}
	s.cmd.Env = append(environment(), o.Env...)
	log, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	url := make(chan string, 1)
	go func() {
		s.read(log, o.Log, url)
		s.err = s.cmd.Wait() // after the pipe is read out, as os/exec asks
		close(s.ended)
	}()
	select {
	case s.url = <-url:
		return s, nil
	case <-s.ended:
		return nil, fmt.Errorf("kith serve ended at its start: %w\n%s", errors.Join(s.err, ctx.Err()), s.tail)
	}
}

// environment is this process's without kith's settings: a throw-away server must
// not take up the key or the folder of a real one.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KITH_") })
}

// read copies the log and reports the URL of the line that says "listening".
func (s *Server) read(log io.Reader, copyTo io.Writer, url chan<- string) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Bytes()
		s.tail.add(string(line))
		fmt.Fprintf(copyTo, "%s\n", line)
		var entry struct{ Msg, URL string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "listening" && entry.URL != "" {
			url <- entry.URL
		}
	}
	_, _ = io.Copy(copyTo, log) // a line past the buffer: keep the pipe flowing
}

// URL is where the server listens.
func (s *Server) URL() string { return s.url }

// PID is the child's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Tail is the last lines of the log.
func (s *Server) Tail() string { return s.tail.String() }

// Ended is closed once the process is gone.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// Kill ends the process as a power cut would (SIGKILL) and waits until it is gone.
func (s *Server) Kill() error {
	err := s.cmd.Process.Kill()
	<-s.ended
	if errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("the server had ended by itself: %w\n%s", s.err, s.tail)
	}
	return err
}

// Stop asks the process to end (SIGTERM) and waits. An exit status other than 0,
// or none within the limit, is an error; then the process is killed.
func (s *Server) Stop(limit time.Duration) error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
		if s.err != nil {
			return fmt.Errorf("kith serve: %w\n%s", s.err, s.tail)
		}
		return nil
	case <-time.After(limit):
		return errors.Join(fmt.Errorf("kith serve did not end within %v of SIGTERM\n%s", limit, s.tail), s.Kill())
	}
}

// Resident is the process's resident memory in bytes (Linux).
func (s *Server) Resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("no VmRSS in /proc: not Linux?")
}

// tail keeps the last lines of a log.
type tail struct {
	mu    sync.Mutex
	lines []string
}

const tailLines = 20

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = t.lines[1:]
	}
	t.lines = append(t.lines, line)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

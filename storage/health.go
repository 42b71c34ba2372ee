package storage

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// health hears what Pebble does behind our back, logs it and remembers faults.
// Pebble calls it with locks held: it must never block or call Pebble.
type health struct {
	log   *slog.Logger
	fatal func(string)

	mu struct {
		sync.Mutex
		flush      error
		compaction error
		corruption error
		failed     *failure // of the next flush fault, when somebody waits for it
		tries      int      // failed flushes and compactions in a row
	}
}

// emptyFlush is what Pebble reports of a flush that had nothing to write, such
// as one that follows a batch larger than a memtable. It has succeeded; the
// value itself is not exported.
const emptyFlush = "pebble: empty table"

// failure is one flush fault: err is set before done closes.
type failure struct {
	done chan struct{}
	err  error
}

func newHealth(log *slog.Logger, fatal func(string)) *health {
	h := &health{log: log, fatal: fatal}
	if fatal == nil {
		h.fatal = func(msg string) { panic(msg) }
	}
	return h
}

// Infof is part of Pebble's logger; its chatter is dropped.
func (h *health) Infof(string, ...any) {}

// Errorf is part of Pebble's logger.
func (h *health) Errorf(format string, args ...any) {
	h.log.Error("store", "error", fmt.Sprintf(format, args...))
}

// Fatalf is called when Pebble cannot go on without risking what is stored,
// such as after a failed sync of its MANIFEST. It stops the process: the raft
// log has everything that is not durable here.
func (h *health) Fatalf(format string, args ...any) {
	msg := "FATAL: the store cannot go on: " + fmt.Sprintf(format, args...)
	h.log.Error(msg)
	h.fatal(msg)
}

func (h *health) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, err := range []error{h.mu.corruption, h.mu.flush, h.mu.compaction} {
		if err != nil {
			return err
		}
	}
	return nil
}

// flushFault is why the last flush failed, nil when it did not. Pebble tries again.
func (h *health) flushFault() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.flush
}

// watch is the next flush fault from now on.
func (h *health) watch() *failure {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.failed == nil {
		h.mu.failed = &failure{done: make(chan struct{})}
	}
	return h.mu.failed
}

func (h *health) flushed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.flush = err
	if err == nil {
		h.mu.tries = 0
		return
	}
	h.mu.tries++
	if f := h.mu.failed; f != nil {
		f.err, h.mu.failed = err, nil
		close(f.done)
	}
}

func (h *health) compacted(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.compaction = err
	if err == nil {
		h.mu.tries = 0
		return
	}
	h.mu.tries++
}

// corrupted remembers damage for good: only a new copy of the data mends it.
func (h *health) corrupted(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.corruption == nil {
		h.mu.corruption = err
	}
}

// classify marks damage that a read or write met.
func (h *health) classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	if !pebble.IsCorruptionError(err) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err = fmt.Errorf("%w: %s: %w", ErrCorrupt, doing, err)
	h.corrupted(err)
	return err
}

func (h *health) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { h.log.Error("store: background work failed, will be tried again", "error", err) },
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			h.corrupted(fmt.Errorf("%w: %s: %w", ErrCorrupt, i.Path, i.Details))
			h.log.Error("store: damaged file", "file", i.Path, "error", i.Details)
		},
		FlushEnd: func(i pebble.FlushInfo) {
			if i.Err != nil && i.Err.Error() == emptyFlush {
				i.Err = nil
			}
			h.flushed(i.Err)
			h.log.Debug("store: flush", "reason", i.Reason, "bytes", i.InputBytes, "took", i.TotalDuration, "error", i.Err)
		},
		CompactionEnd: func(i pebble.CompactionInfo) {
			h.compacted(i.Err)
			h.log.Debug("store: compaction", "reason", i.Reason, "took", i.TotalDuration, "error", i.Err)
		},
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) { h.log.Warn("store: writes wait", "reason", i.Reason) },
		WriteStallEnd:   func() { h.log.Warn("store: writes go on") },
	}
}

package main

import (
	"bytes"
	"fmt"
	"sync"
)

// watch reads the server's log for what must never stand there, whatever is
// killed: errors, panics, and the race detector's words (build the binary with
// -race to have them). process writes whole lines.
//
// Concurrency: from any goroutine.
type watch struct {
	mu    sync.Mutex
	alarm []byte // from the first such line on, bounded
}

const alarmBytes = 8 << 10

// Write takes a piece of the log.
func (w *watch) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.alarm != nil || alarming(line) {
		w.alarm = append(w.alarm, line[:min(len(line), alarmBytes-len(w.alarm))]...)
	}
	return len(line), nil
}

func alarming(line []byte) bool {
	for _, word := range []string{`"level":"ERROR"`, "DATA RACE", "panic:", "fatal error:"} {
		if bytes.Contains(line, []byte(word)) {
			return true
		}
	}
	return false
}

// err is what stood in the log, nil when all was well.
func (w *watch) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.alarm == nil {
		return nil
	}
	return fmt.Errorf("the server's log tells of a fault:\n%s", w.alarm)
}

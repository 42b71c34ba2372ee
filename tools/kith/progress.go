package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progress is a bar on a terminal, and nothing elsewhere.
//
// Concurrency: set and done from any goroutine.
type progress struct {
	mu    sync.Mutex
	w     io.Writer // nil draws nothing
	label string
	start time.Time
	drawn time.Time
}

const (
	barCells = 24
	redraw   = 100 * time.Millisecond
)

func newProgress(w io.Writer, label string) *progress {
	p := &progress{label: label, start: time.Now()}
	if isTerminal(w) {
		p.w = w
	}
	return p
}

// set shows a share of the work in [0, 1] (negative: unknown) and a count of
// points.
func (p *progress) set(share float64, points int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.w == nil || now.Sub(p.drawn) < redraw {
		return
	}
	p.drawn = now
	fmt.Fprint(p.w, "\r\x1b[K", p.line(share, points, now.Sub(p.start)))
}

func (p *progress) line(share float64, points int, took time.Duration) string {
	rate := float64(points) / max(took.Seconds(), 1e-3)
	if share < 0 {
		return fmt.Sprintf("%s  %s points  %s/s", p.label, thousands(points), thousands(int(rate)))
	}
	full := int(min(share, 1) * barCells)
	bar := strings.Repeat("█", full) + strings.Repeat("░", barCells-full)
	line := fmt.Sprintf("%s  %s %3.0f %%  %s points  %s/s", p.label, bar, 100*min(share, 1), thousands(points), thousands(int(rate)))
	if share > 0.01 && share < 1 {
		left := time.Duration(float64(took) * (1 - share) / share)
		line += "  " + left.Round(time.Second).String() + " left"
	}
	return line
}

// done wipes the bar.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	s := fmt.Sprint(n)
	if n < 0 {
		return s
	}
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

func rate(points int, took time.Duration) int {
	return int(float64(points) / max(took.Seconds(), 1e-9))
}

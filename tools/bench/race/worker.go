package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/kithdb/kith/tools/kith/curve"
)

// worker is a process that holds one library's index and measures as it is told.
type worker struct {
	curve.Run
	settings []json.RawMessage
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Reader
	errs     *tail
}

// tail keeps the end of what a process says on its standard error.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if n := len(t.text); n > 4096 {
		t.text = slices.Clone(t.text[n-2048:])
	}
	return len(p), nil
}

// last is the last line.
func (t *tail) last() string {
	text := bytes.TrimSpace(t.text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}

// start runs a worker and waits for its greeting, with its index built.
func start(ctx context.Context, name string, args ...string) (*worker, error) {
	w := &worker{cmd: exec.CommandContext(ctx, name, args...), errs: new(tail)}
	w.cmd.Stderr = w.errs
	out, errOut := w.cmd.StdoutPipe()
	in, errIn := w.cmd.StdinPipe()
	if err := errors.Join(errOut, errIn); err != nil {
		return nil, err
	}
	w.in, w.out = in, bufio.NewReaderSize(out, 1<<16)
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	greeting := struct {
		*curve.Run
		Settings *[]json.RawMessage `json:"settings"`
	}{&w.Run, &w.settings}
	err := w.answer(&greeting)
	if err == nil && w.Missing != "" {
		err = errors.New(w.Missing)
	}
	if err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

func (w *worker) answer(to any) error {
	line, err := w.out.ReadBytes('\n')
	if err != nil {
		_ = w.cmd.Wait() // its last words are complete then
		return fmt.Errorf("%s ended: %s", strings.Join(w.cmd.Args[:min(3, len(w.cmd.Args))], " "), w.errs.last())
	}
	var refusal struct {
		Error string `json:"error"`
	}
	if err := errors.Join(json.Unmarshal(line, &refusal), json.Unmarshal(line, to)); err != nil {
		return fmt.Errorf("%q: %w", line[:min(len(line), 200)], err)
	}
	if refusal.Error != "" {
		return errors.New(refusal.Error)
	}
	return nil
}

type command struct {
	Op      string          `json:"op"`
	Setting json.RawMessage `json:"setting,omitempty"`
}

func (w *worker) ask(c command, to any) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if _, err := w.in.Write(append(text, '\n')); err != nil {
		return err
	}
	return w.answer(to)
}

// stop ends the process: its input ends, so it does.
func (w *worker) stop() {
	_ = w.in.Close()
	_, _ = io.Copy(io.Discard, w.out)
	_ = w.cmd.Wait()
}

// pass measures one setting.
func (w *worker) pass(setting json.RawMessage) (curve.Point, error) {
	var p struct {
		curve.Point
		Latency []float64 `json:"latency_us"`
	}
	if err := w.ask(command{"pass", setting}, &p); err != nil {
		return p.Point, err
	}
	if len(p.Latency) == 0 {
		return p.Point, errors.New("a pass without latencies")
	}
	busy := 0.0
	for _, us := range p.Latency {
		busy += us
	}
	slices.Sort(p.Latency)
	n := len(p.Latency)
	p.QPS, p.P50us, p.P99us = 1e6*float64(n)/busy, p.Latency[n/2], p.Latency[n*99/100]
	var b struct {
		QPS float64 `json:"batch_qps"`
	}
	if err := w.ask(command{"batch", setting}, &b); err != nil {
		return p.Point, err
	}
	p.BatchQPS = b.QPS
	return p.Point, nil
}

// sweeps is how often calibrate measures a setting. One that others kept the machine
// busy at would be off the frontier, and a recall beside it would be reckoned from
// settings far apart, in every round anew.
const sweeps = 3

// calibrate measures every setting for the curve, by its fastest pass; where one
// number turns and the end of the curve is reached, the rest is left out.
func (w *worker) calibrate() error {
	for sweep := range sweeps {
		for i, s := range w.settings {
			p, err := w.pass(s)
			if err != nil {
				return err
			}
			switch {
			case sweep == 0:
				w.Points = append(w.Points, p)
			case p.Best() > w.Points[i].Best():
				w.Points[i] = p
			}
			if s[0] != '[' && p.Recall > 0.995 {
				w.settings = w.settings[:i+1]
				break
			}
		}
	}
	return w.ask(command{Op: "memory"}, &struct {
		MiB *float64 `json:"index_mib"`
	}{&w.IndexMiB})
}

// speeds are queries per second, by the clock and by processor time.
type speeds struct{ clock, cpu float64 }

// at measures the speed at a recall anew; false where the curve does not reach it.
func (w *worker) at(recall float64) (speeds, bool, error) {
	low, high, ok := w.Bracket(recall)
	if !ok {
		return speeds{}, false, nil
	}
	a, errA := w.pass(low.Setting)
	b, errB := w.pass(high.Setting)
	if err := errors.Join(errA, errB); err != nil {
		return speeds{}, false, err
	}
	return speeds{curve.Between(recall, a, b, curve.Point.Best), curve.Between(recall, a, b, curve.Point.PerCPU)}, true, nil
}

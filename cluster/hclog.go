package cluster

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// raftLog hands raft's messages to slog, one level lower: what is news to raft
// is detail to an operator.
type raftLog struct {
	to   *slog.Logger
	name string
}

func (l raftLog) Log(level hclog.Level, msg string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case hclog.Warn:
		to = slog.LevelInfo
	case hclog.Error:
		to = slog.LevelWarn
	}
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			args[i] = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
	}
	l.to.Log(context.Background(), to, l.name+": "+msg, args...)
}

func (l raftLog) Trace(string, ...any)             {}
func (l raftLog) Debug(msg string, args ...any)    { l.Log(hclog.Debug, msg, args...) }
func (l raftLog) Info(msg string, args ...any)     { l.Log(hclog.Info, msg, args...) }
func (l raftLog) Warn(msg string, args ...any)     { l.Log(hclog.Warn, msg, args...) }
func (l raftLog) Error(msg string, args ...any)    { l.Log(hclog.Error, msg, args...) }
func (l raftLog) IsTrace() bool                    { return false }
func (l raftLog) IsDebug() bool                    { return true }
func (l raftLog) IsInfo() bool                     { return true }
func (l raftLog) IsWarn() bool                     { return true }
func (l raftLog) IsError() bool                    { return true }
func (l raftLog) ImpliedArgs() []any               { return nil }
func (l raftLog) With(args ...any) hclog.Logger    { return raftLog{l.to.With(args...), l.name} }
func (l raftLog) Name() string                     { return l.name }
func (l raftLog) Named(n string) hclog.Logger      { return raftLog{l.to, l.name + "." + n} }
func (l raftLog) ResetNamed(n string) hclog.Logger { return raftLog{l.to, n} }
func (l raftLog) SetLevel(hclog.Level)             {}
func (l raftLog) GetLevel() hclog.Level            { return hclog.Debug }

func (l raftLog) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

func (l raftLog) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return slogWriter{l}
}

type slogWriter struct{ l raftLog }

func (w slogWriter) Write(p []byte) (int, error) {
	w.l.Info(string(p))
	return len(p), nil
}

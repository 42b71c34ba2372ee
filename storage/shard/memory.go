package shard

import (
	"errors"
	"fmt"
	"time"

	"github.com/kithdb/kith/index/quant"
)

// ErrMemory: there is too little memory for what was asked.
var ErrMemory = errors.New("not enough memory")

// errHeld: the collection's settings allow no builds.
var errHeld = errors.New("no index is built while optimizers_config.max_optimization_threads is 0")

// waits reports whether an error means that work is to go on later.
func waits(err error) bool { return errors.Is(err, ErrMemory) || errors.Is(err, errHeld) }

// pauseRetry is after how long a build that stopped for want of memory looks
// again.
const pauseRetry = 5 * time.Second

// room asks for the memory that an index of so many vectors more will take.
func (s *Shard) room(v *View, f *fieldState, vectors int) error {
	conf, ok := v.st.schema.Vector(f.conf.Name)
	if !ok {
		return nil // being removed
	}
	return s.ask(f, int64(vectors)*v.st.schema.Footprint(conf).Index)
}

// codeRoom asks for the memory of a code of every slot that an index has: what
// searches go by now stays until all of them are encoded.
func (s *Shard) codeRoom(f *fieldState, g *indexed, code quant.Code) error {
	return s.ask(f, int64(g.high.Load())*int64(code.RowBytes()))
}

// ask lets a field's index take so many bytes more, or says why not: ErrMemory.
func (s *Shard) ask(f *fieldState, bytes int64) error {
	ask := s.o.Optimizer.o.Room
	if ask == nil || bytes == 0 {
		return nil
	}
	if err := ask(bytes); err != nil {
		return fmt.Errorf("vector %q: %w", f.conf.Name, err)
	}
	return nil
}

// pause keeps why background work waits, nil when it does not, and says so once.
func (s *Shard) pause(why error) {
	if why == nil {
		if s.paused.Swap(nil) != nil {
			s.log.Info("background work goes on")
		}
		return
	}
	text := why.Error()
	if s.paused.Swap(&text) == nil {
		s.log.Warn("background work waits; vectors without an index are searched exactly", "error", why)
	}
}

package shard

import (
	"errors"
	"fmt"
	"time"
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
	ask := s.o.Optimizer.o.Room
	if ask == nil || vectors == 0 {
		return nil
	}
	conf, ok := v.st.schema.Vector(f.conf.Name)
	if !ok {
		return nil // being removed
	}
	if err := ask(int64(vectors) * v.st.schema.Footprint(conf).Index); err != nil {
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

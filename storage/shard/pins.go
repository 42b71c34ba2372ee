package shard

import "sync"

// pins counts the users of memory that is not the garbage collector's, and
// frees it when the last one has gone after close.
type pins struct {
	mu     sync.Mutex
	users  int
	closed bool
	free   func()
	empty  *sync.Cond // made by the first waiter
}

func (p *pins) gone() *sync.Cond {
	if p.empty == nil {
		p.empty = sync.NewCond(&p.mu)
	}
	return p.empty
}

// take registers a user; false when the owner is closed.
func (p *pins) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.users++
	return true
}

func (p *pins) drop() {
	p.mu.Lock()
	p.users--
	last := p.closed && p.users == 0
	if last && p.empty != nil {
		p.empty.Broadcast()
	}
	p.mu.Unlock()
	if last {
		p.free()
	}
}

// close lets no new user in; free runs once, now or with the last drop.
func (p *pins) close(free func()) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed, p.free = true, free
	last := p.users == 0
	p.mu.Unlock()
	if last {
		free()
	}
}

func (p *pins) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// wait blocks until nobody uses what was closed.
func (p *pins) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.users > 0 {
		p.gone().Wait()
	}
}

// sole reports whether there is exactly one user.
func (p *pins) sole() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.users == 1
}

package cluster

import (
	"fmt"
	"syscall"
)

// disk keeps a reserve of free space, so that a full disk is met at a write's
// door and not in the middle of a log or a flush.
type disk struct {
	path    string
	reserve int64
}

// free is the bytes that an unprivileged process may still use.
func (d *disk) free() (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.path, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// admit refuses a write of some bytes that would break into the reserve. Writes
// that free space may use half of it.
func (d *disk) admit(bytes int, frees bool) error {
	reserve := d.reserve
	if reserve < 0 {
		return nil
	}
	if frees {
		reserve /= 2
	}
	free, err := d.free()
	if err != nil {
		return fmt.Errorf("free space of %s: %w", d.path, err)
	}
	if free-int64(bytes) < reserve {
		return fmt.Errorf("%w: %d MiB are free on the data disk and %d MiB are kept in reserve; delete points or make room", ErrDiskFull, free>>20, reserve>>20)
	}
	return nil
}

// Room refuses to write so many bytes more to the data disk when that would
// break into the reserve: ErrDiskFull.
func (n *Node) Room(bytes int) error { return n.disk.admit(bytes, false) }

// Dir is the node's data directory.
func (n *Node) Dir() string { return n.o.Dir }

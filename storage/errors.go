package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

var (
	// ErrFormat: the directory holds something that this build does not know.
	ErrFormat = errors.New("unknown store format")
	// ErrCorrupt: a file or a row is damaged. The message names it.
	ErrCorrupt = errors.New("the store is corrupt")
	// ErrLocked: another process, or this one, has the directory open.
	ErrLocked = errors.New("the store is in use")
	// ErrBatchFull: the batch has reached its bound; commit it and go on in another.
	ErrBatchFull = errors.New("the batch is full")
)

// corrupt is a fault in a row's bytes.
func corrupt(key []byte, format string, args ...any) error {
	return fmt.Errorf("%w: row %x: %s", ErrCorrupt, key, fmt.Sprintf(format, args...))
}

func corruptRow(key []byte, err error) error {
	return fmt.Errorf("%w: row %x: %w", ErrCorrupt, key, err)
}

// classifyOpen names what is wrong with a store that does not open.
func classifyOpen(dir string, err error) error {
	if pebble.IsCorruptionError(err) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, dir, err)
	}
	return fmt.Errorf("open the store in %s: %w", dir, err)
}

func lockDir(f FS, dir string) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, f)
	if err == nil {
		return lock, nil
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) || err.Error() == "lock held by current process" {
		return nil, fmt.Errorf("%w: %s: stop the other process first (%w)", ErrLocked, dir, err)
	}
	return nil, fmt.Errorf("lock the store in %s: %w", dir, err)
}

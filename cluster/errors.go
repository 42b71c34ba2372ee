package cluster

import "errors"

var (
	// ErrNotFound: there is no such collection or alias.
	ErrNotFound = errors.New("not found")
	// ErrExists: the name is taken.
	ErrExists = errors.New("already exists")
	// ErrConflict: the request contradicts the state of the collections.
	ErrConflict = errors.New("conflict")
	// ErrDiskFull: too little disk is left to write; reads go on.
	ErrDiskFull = errors.New("no space left for writes")
	// ErrQuota: the node uses more memory or disk than its quota allows; writes
	// that take away go on.
	ErrQuota = errors.New("quota reached")
	// ErrNotReady: the group has no leader now; try again.
	ErrNotReady = errors.New("not ready")
	// ErrTimeout: the caller's deadline passed. A write may still be applied.
	ErrTimeout = errors.New("timed out")
	// ErrFailed: the log could not be synced. Nothing more is written until a
	// restart, since what the disk holds is unknown; reads go on.
	ErrFailed = errors.New("the log has failed; restart the node once the disk is well")
	// ErrClosed: the node is shutting down.
	ErrClosed = errors.New("shutting down")
	// ErrFormat: the directory is of a format that this build does not know.
	ErrFormat = errors.New("unknown data format")
	// ErrLocked: another process has the data directory.
	ErrLocked = errors.New("data directory is in use")
)

//go:build !linux || !cgo

package storage

// TrimMemory does nothing: stores take their memory from Go's heap, or from an
// allocator that cannot be asked.
func TrimMemory() {}

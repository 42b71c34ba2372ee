//go:build linux && cgo

package storage

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void trim(void) { malloc_trim(0); }
#else
static void trim(void) {}
#endif
*/
import "C"

// TrimMemory gives the system the memory that stores have freed: Pebble takes
// memtables and blocks from C's allocator, which keeps the holes between those in
// use. It takes some milliseconds. Any goroutine.
func TrimMemory() { C.trim() }

//go:build linux && cgo

package storage

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void trim(void) { malloc_trim(0); }

// Threads have arenas of their own by default, and a trim leaves the top of each of
// them, half a MiB or more after a compaction; of the one that is left it does not.
// What asks for memory here does so once for a block of the disk: nobody waits for
// the lock. It must be said before there are threads.
__attribute__((constructor)) static void share(void) { mallopt(M_ARENA_MAX, 1); }
#else
static void trim(void) {}
#endif
*/
import "C"

// TrimMemory gives the system the memory that stores have freed: Pebble takes
// memtables and blocks from C's allocator, which keeps the holes between those in
// use. It takes some milliseconds. Any goroutine.
func TrimMemory() { C.trim() }

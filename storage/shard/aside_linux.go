package shard

import "golang.org/x/sys/unix"

// stepAside lets a thread have the processor that waits for it. Linux takes it from
// nobody before 3 or 4 ms have passed, however low the priority is, and on two
// processors two workers have both. The collector knows that a thread is in a system
// call, and waits for none of them.
func stepAside() { _, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

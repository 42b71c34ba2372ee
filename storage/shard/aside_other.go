//go:build !linux

package shard

import "runtime"

// stepAside lets others go first.
func stepAside() { runtime.Gosched() }

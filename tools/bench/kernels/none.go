//go:build !ckernels || !cgo || !amd64 || !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "kernels: run it with -tags ckernels, on Linux on amd64 with a C compiler")
	os.Exit(2)
}

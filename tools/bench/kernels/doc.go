// Command kernels measures the kernels of index/simd beside the same loops in C
// with intrinsics, on the same rows, thread and lists, in turns:
//
//	go run -tags ckernels ./tools/bench/kernels
//
// It needs gcc or clang and a processor with AVX2, and prints for each kernel the
// nanoseconds of processor time that a distance takes, and ours over C's: below 1,
// ours is faster. The C stops at AVX2: where ours has AVX-512, the
// ratio says what that is worth, not how well it is written.
package main

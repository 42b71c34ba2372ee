// Command kernels measures the kernels of index/simd beside the same loops in C
// with intrinsics, on the same rows, thread and lists, in turns:
//
//	go run -tags ckernels ./tools/bench/kernels
//
// It needs gcc or clang and a processor with AVX2, and prints for each kernel the
// nanoseconds of processor time that a distance takes, and ours over C's: below 1,
// ours is faster. The C stops at AVX2, but for what a compiler makes of it for the
// machine (with VNNI, a multiplication and an addition become one): where ours has
// AVX-512, the ratio says what that is worth, not how well it is written. AVX2 alone,
// on both sides, is
//
//	GODEBUG=cpu.avx512f=off go run -tags ckernels,haswell ./tools/bench/kernels
//
// What is asked of one row a call (scan, sift, points, signs) has the step from Go
// to assembly in it each time, some 10 ns, as it has where it is used; C has none.
// On a Cascade Lake (busy; -mib 1) that is sift 1.45, signs of 80 dimensions 1.4 and
// of 256 0.9. All others were below 1.1 with AVX-512; float32 of 100 dimensions is
// 1.06 to 1.14 from memory. With AVX2 alone scan of 25 and 32 tables is 1.17 to 1.22
// (of 196 0.99), points 1.2 to 1.7, sift 2.4, signs 1.1 to 1.5, all others 1.09 and
// below: bfloat16 dot was 1.07 to 1.26 until its loop began at a block of 32 bytes,
// uint8 of 100 dimensions 1.11 to 1.27 while its last four were added one by one.
//
// On a newer Xeon that has VPOPCNT, idle, -mib 1: sift 1.31 to 1.36, points of 128
// dimensions 1.29, all others 1.06 and below; 1-bit codes of 784 dimensions 0.34 to
// 0.37; from memory 0.63. On the Cascade Lake, which has no VPOPCNT and takes them by
// the dot product of bytes, 0.30, 0.51 of 100 dimensions, from memory 0.48 and 0.69.
package main

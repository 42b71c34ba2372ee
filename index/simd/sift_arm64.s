//go:build !noasm

#include "textflag.h"

// The marks of 16 vectors' bytes.
DATA marks<>+0(SB)/8, $0x8040201008040201
DATA marks<>+8(SB)/8, $0x8040201008040201
GLOBL marks<>(SB), RODATA|NOPTR, $16

// Instructions that Go's assembler lacks, as in kernels_arm64.s: d, n and m are
// numbers of vector registers.

// FMLA Vd.4S, Vn.4S, Vm.4S: d + n·m
#define MULADD(m, n, d) WORD $(0x4E20CC00 | (m)<<16 | (n)<<5 | (d))
// SCVTF Vd.4S, Vn.4S: integers to floats
#define FLOATS(n, d) WORD $(0x4E21D800 | (n)<<5 | (d))
// FCMGT Vd.4S, Vn.4S, Vm.4S: ones where n is greater than m
#define GREATER(m, n, d) WORD $(0x6EA0E400 | (m)<<16 | (n)<<5 | (d))
// XTN Vd.4H, Vn.4S; XTN2 Vd.8H, Vn.4S; XTN Vd.8B, Vn.8H; XTN2 Vd.16B, Vn.8H
#define NARROW4(n, d) WORD $(0x0E612800 | (n)<<5 | (d))
#define NARROW4UP(n, d) WORD $(0x4E612800 | (n)<<5 | (d))
#define NARROW8(n, d) WORD $(0x0E212800 | (n)<<5 | (d))
#define NARROW8UP(n, d) WORD $(0x4E212800 | (n)<<5 | (d))

// The next eight adds, in V1 and V2, and muls, in V6 and V7, of heads of float32.
#define HEADS \
	VLD1.P 32(R3), [V1.S4, V2.S4]; \
	VLD1.P 32(R4), [V6.S4, V7.S4]

// The same of bfloat16: zeros go below each. V19 is zeros.
#define HEADS16 \
	VLD1.P 16(R3), [V5.H8]; \
	VLD1.P 16(R4), [V6.H8]; \
	VZIP1 V5.H8, V19.H8, V1.H8; \
	VZIP2 V5.H8, V19.H8, V2.H8; \
	VZIP2 V6.H8, V19.H8, V7.H8; \
	VZIP1 V6.H8, V19.H8, V6.H8

// EIGHT leaves ones in the lanes of V8 whose distance is below the limit.
// V16 to V18 are mul, bias and limit.
#define EIGHT(load) \
	VLD1.P 16(R5), [V0.H8]; \
	VUXTL V0.H4, V3.S4; \
	VUXTL2 V0.H8, V4.S4; \
	FLOATS(3, 3); \
	FLOATS(4, 4); \
	VMOV V17.B16, V9.B16; \
	VMOV V17.B16, V10.B16; \
	MULADD(16, 3, 9); \
	MULADD(16, 4, 10); \
	load; \
	MULADD(6, 9, 1); \
	MULADD(7, 10, 2); \
	GREATER(1, 18, 1); \
	GREATER(2, 18, 2); \
	NARROW4(1, 8); \
	NARROW4UP(2, 8)

// All blocks; muls is where a head's muls are.
#define SIFT(load, muls) \
	MOVD s+0(FP), R0; \
	VLD3R (R0), [V16.S4, V17.S4, V18.S4]; \
	MOVD heads+8(FP), R1; \
	MOVD stride+16(FP), R2; \
	MOVD sums_base+24(FP), R5; \
	MOVD below_base+48(FP), R6; \
	MOVD below_len+56(FP), R7; \
	MOVD $marks<>(SB), R8; \
	VLD1 (R8), [V20.B16]; \
	VEOR V19.B16, V19.B16, V19.B16; \
block: \
	MOVD R1, R3; \
	ADD  $muls, R1, R4; \
	EIGHT(load); \
	NARROW8(8, 11); \
	EIGHT(load); \
	NARROW8UP(8, 11); \
	EIGHT(load); \
	NARROW8(8, 12); \
	EIGHT(load); \
	NARROW8UP(8, 12); \
	VAND V20.B16, V11.B16, V11.B16; \
	VAND V20.B16, V12.B16, V12.B16; \
	VADDP V12.B16, V11.B16, V11.B16; \
	VADDP V11.B16, V11.B16, V11.B16; \
	VADDP V11.B16, V11.B16, V11.B16; \
	VMOV V11.S[0], R9; \
	MOVW.P R9, 4(R6); \
	ADD  R2, R1; \
	SUBS $1, R7; \
	BNE  block

// func siftNEON(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)
TEXT ·siftNEON(SB), NOSPLIT, $0-72
	SIFT(HEADS, 128)
	RET

// func sift16NEON(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)
TEXT ·sift16NEON(SB), NOSPLIT, $0-72
	SIFT(HEADS16, 64)
	RET

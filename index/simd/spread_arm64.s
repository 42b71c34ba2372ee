//go:build !noasm

#include "textflag.h"

// Twice each code less 15.
DATA spreads<>+0(SB)/8, $0xfffdfbf9f7f5f3f1
DATA spreads<>+8(SB)/8, $0x0f0d0b0907050301
GLOBL spreads<>(SB), RODATA|NOPTR, $16

// Instructions that Go's assembler lacks, as in kernels_arm64.s: d and n are
// numbers of vector registers.

// SADDLP Vd.8H, Vn.16B: sums of neighbours
#define PAIRS(n, d) WORD $(0x4E202800 | (n)<<5 | (d))
// SADALP Vd.4S, Vn.8H: d + sums of neighbours
#define ADDPAIRS(n, d) WORD $(0x4E606800 | (n)<<5 | (d))

// func spread4NEON(out []int8, codes []byte) (sum int)
TEXT ·spread4NEON(SB), NOSPLIT, $0-56
	MOVD out_base+0(FP), R0
	MOVD out_len+8(FP), R1
	MOVD codes_base+24(FP), R2
	MOVD $spreads<>(SB), R3
	VLD1 (R3), [V19.B16]
	VMOVI $15, V18.B16
	VEOR V20.B16, V20.B16, V20.B16

block:
	VLD1.P 16(R2), [V0.B16]
	VAND  V18.B16, V0.B16, V1.B16
	VUSHR $4, V0.B16, V2.B16
	VTBL  V1.B16, [V19.B16], V1.B16
	VTBL  V2.B16, [V19.B16], V2.B16
	VADD  V1.B16, V2.B16, V3.B16 // at most 30
	PAIRS(3, 3)
	ADDPAIRS(3, 20)
	VST1.P [V1.B16, V2.B16], 32(R0)
	SUBS $32, R1
	BNE  block
	VADDV V20.S4, V20
	VMOV V20.S[0], R3
	SXTW R3, R3
	MOVD R3, sum+48(FP)
	RET

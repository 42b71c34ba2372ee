//go:build !noasm

#include "textflag.h"

// Instructions that Go's assembler lacks, as in kernels_arm64.s: d, n and m are
// numbers of vector registers, of four floats or integers each.

// FADD Vd.4S, Vn.4S, Vm.4S
#define ADD4(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))
// FADDP Vd.4S, Vn.4S, Vm.4S
#define ADDPAIRS(m, n, d) WORD $(0x6E20D400 | (m)<<16 | (n)<<5 | (d))
// FSUB Vd.4S, Vn.4S, Vm.4S: n − m
#define SUB4(m, n, d) WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d))
// FMUL Vd.4S, Vn.4S, Vm.4S
#define MUL4(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))
// FMLA Vd.4S, Vn.4S, Vm.4S: d + n·m
#define MULADD(m, n, d) WORD $(0x4E20CC00 | (m)<<16 | (n)<<5 | (d))
// FMAX and FMIN Vd.4S, Vn.4S, Vm.4S
#define MAX4(m, n, d) WORD $(0x4E20F400 | (m)<<16 | (n)<<5 | (d))
#define MIN4(m, n, d) WORD $(0x4EA0F400 | (m)<<16 | (n)<<5 | (d))
// FCVTZS Vd.4S, Vn.4S: cut to integers
#define CUT(n, d) WORD $(0x4EA1B800 | (n)<<5 | (d))
// SCVTF Vd.4S, Vn.4S: integers to floats
#define FLOATS(n, d) WORD $(0x4E21D800 | (n)<<5 | (d))
// XTN Vd.4H, Vn.4S; XTN2 Vd.8H, Vn.4S; XTN Vd.8B, Vn.8H; XTN2 Vd.16B, Vn.8H: the
// lower halves of lanes, to the lower and the upper half of d
#define NARROW4(n, d) WORD $(0x0E612800 | (n)<<5 | (d))
#define NARROW4UP(n, d) WORD $(0x4E612800 | (n)<<5 | (d))
#define NARROW8(n, d) WORD $(0x0E212800 | (n)<<5 | (d))
#define NARROW8UP(n, d) WORD $(0x4E212800 | (n)<<5 | (d))

// LEVEL makes levels of the four numbers in x: integers in code, the distances from
// the middle in V6, of which along (V20) gets the products with x.
// V16 to V19 are inverse, half, middle and levels, V22 is zero.
#define LEVEL(x, code) \
	MUL4(16, x, code); \
	ADD4(17, code, code); \
	MAX4(22, code, code); \
	MIN4(19, code, code); \
	CUT(code, code); \
	FLOATS(code, 6); \
	SUB4(18, 6, 6); \
	MULADD(6, x, 20)

// PARAMETERS from an offset on: inverse, half, middle and levels.
#define PARAMETERS(name, offset) \
	MOVD $name+offset(FP), R4; \
	VLD4R (R4), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	VEOR V20.B16, V20.B16, V20.B16; \
	VEOR V21.B16, V21.B16, V21.B16; \
	VEOR V22.B16, V22.B16, V22.B16

// SIXTEEN makes bytes, in V5, of the levels of the next 16 numbers.
#define SIXTEEN \
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	LEVEL(0, 8); \
	LEVEL(1, 9); \
	LEVEL(2, 10); \
	LEVEL(3, 11); \
	NARROW4(8, 4); \
	NARROW4UP(9, 4); \
	NARROW8(4, 5); \
	NARROW4(10, 4); \
	NARROW4UP(11, 4); \
	NARROW8UP(4, 5)

// func levelFitNEON(x []float32, inverse, half, middle, levels float32) (along, norm float32)
TEXT ·levelFitNEON(SB), NOSPLIT, $0-48
	MOVD x_base+0(FP), R0
	MOVD x_len+8(FP), R1
	PARAMETERS(inverse, 24)

fit:
	VLD1.P 16(R0), [V0.S4]
	LEVEL(0, 8)
	MULADD(6, 6, 21)
	SUBS $4, R1
	BNE  fit
	ADDPAIRS(20, 20, 20)
	ADDPAIRS(20, 20, 20)
	ADDPAIRS(21, 21, 21)
	ADDPAIRS(21, 21, 21)
	FMOVS F20, along+40(FP)
	FMOVS F21, norm+44(FP)
	RET

// func levelPut8NEON(codes []byte, x []float32, inverse, half, middle, levels float32) (along float32)
TEXT ·levelPut8NEON(SB), NOSPLIT, $0-68
	MOVD codes_base+0(FP), R2
	MOVD x_base+24(FP), R0
	MOVD x_len+32(FP), R1
	PARAMETERS(inverse, 48)

put8:
	SIXTEEN
	VST1.P [V5.B16], 16(R2)
	SUBS $16, R1
	BNE  put8
	ADDPAIRS(20, 20, 20)
	ADDPAIRS(20, 20, 20)
	FMOVS F20, along+64(FP)
	RET

// func levelPut4NEON(codes []byte, x []float32, inverse, half, middle, levels float32) (along float32)
TEXT ·levelPut4NEON(SB), NOSPLIT, $0-68
	MOVD codes_base+0(FP), R2
	MOVD x_base+24(FP), R0
	MOVD x_len+32(FP), R1
	PARAMETERS(inverse, 48)

put4:
	SIXTEEN
	VMOV V5.B16, V7.B16
	SIXTEEN
	VSHL $4, V5.B16, V5.B16
	VORR V5.B16, V7.B16, V5.B16
	VST1.P [V5.B16], 16(R2)
	SUBS $32, R1
	BNE  put4
	ADDPAIRS(20, 20, 20)
	ADDPAIRS(20, 20, 20)
	FMOVS F20, along+64(FP)
	RET

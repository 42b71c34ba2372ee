//go:build !noasm

#include "textflag.h"

// The mark of each of eight lanes.
DATA eightMarks<>+0(SB)/8, $0x8040201008040201
GLOBL eightMarks<>(SB), RODATA|NOPTR, $8

// Instructions that Go's assembler lacks, as in kernels_arm64.s: d, n and m are
// numbers of vector registers.

// FADD, FSUB (n − m), FMUL and FMLA (d + n·m) Vd.4S, Vn.4S, Vm.4S
#define ADD4(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))
#define SUB4(m, n, d) WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d))
#define MUL4(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))
#define MULADD(m, n, d) WORD $(0x4E20CC00 | (m)<<16 | (n)<<5 | (d))
// FADDP Vd.4S, Vn.4S, Vm.4S
#define ADDPAIRS(m, n, d) WORD $(0x6E20D400 | (m)<<16 | (n)<<5 | (d))
// SCVTF Vd.4S, Vn.4S: integers to floats
#define FLOATS(n, d) WORD $(0x4E21D800 | (n)<<5 | (d))
// FCMGT Vd.4S, Vn.4S, Vm.4S: ones where n is greater than m
#define GREATER(m, n, d) WORD $(0x6EA0E400 | (m)<<16 | (n)<<5 | (d))
// CMGE Vd.4S, Vn.4S, #0: ones where there is no sign
#define UNSIGNED(n, d) WORD $(0x6EA08800 | (n)<<5 | (d))
// XTN Vd.4H, Vn.4S; XTN2 Vd.8H, Vn.4S; XTN Vd.8B, Vn.8H
#define NARROW4(n, d) WORD $(0x0E612800 | (n)<<5 | (d))
#define NARROW4UP(n, d) WORD $(0x4E612800 | (n)<<5 | (d))
#define NARROW8(n, d) WORD $(0x0E212800 | (n)<<5 | (d))
// SXTL Vd.8H, Vn.8B; SXTL2 Vd.8H, Vn.16B
#define WIDEN8(n, d) WORD $(0x0F08A400 | (n)<<5 | (d))
#define WIDEN8UP(n, d) WORD $(0x4F08A400 | (n)<<5 | (d))
// SMLAL Vd.4S, Vn.4H, Vm.4H; SMLAL2 Vd.4S, Vn.8H, Vm.8H
#define PRODUCTS(m, n, d) WORD $(0x0E608000 | (m)<<16 | (n)<<5 | (d))
#define PRODUCTSUP(m, n, d) WORD $(0x4E608000 | (m)<<16 | (n)<<5 | (d))

// BITS makes a byte in register to of the ones in the lanes of V4 and V5. V19 is
// the marks.
#define BITS(to) \
	NARROW4(4, 8); \
	NARROW4UP(5, 8); \
	NARROW8(8, 8); \
	VAND V19.B8, V8.B8, V8.B8; \
	VADDV V8.B8, V8; \
	VMOV V8.B[0], to

// BLOCK leaves in V2 and V3 the estimates of the block at R1 by the Sketch at R0,
// whose mul is in V16. Products of both coordinates of a pair are added up apart.
#define BLOCK \
	MOVD R1, R3; \
	MOVD R0, R4; \
	MOVD $18, R5; \
	VEOR V20.B16, V20.B16, V20.B16; \
	VEOR V21.B16, V21.B16, V21.B16; \
	VEOR V22.B16, V22.B16, V22.B16; \
	VEOR V23.B16, V23.B16, V23.B16; \
pair: \
	VLD1.P 16(R3), [V0.B16]; \
	VLD1.P 32(R4), [V2.H8, V3.H8]; \
	WIDEN8UP(0, 1); \
	WIDEN8(0, 0); \
	PRODUCTS(2, 0, 20); \
	PRODUCTSUP(2, 0, 21); \
	PRODUCTS(3, 1, 22); \
	PRODUCTSUP(3, 1, 23); \
	SUBS $1, R5; \
	BNE  pair; \
	VADDP V21.S4, V20.S4, V0.S4; \
	VADDP V23.S4, V22.S4, V1.S4; \
	FLOATS(0, 0); \
	FLOATS(1, 1); \
	VLD1 (R3), [V2.S4, V3.S4]; \
	MULADD(16, 0, 2); \
	MULADD(16, 1, 3)

// func sketchWithinNEON(s *Sketch, blocks unsafe.Pointer, words []uint64, out *float32)
TEXT ·sketchWithinNEON(SB), NOSPLIT, $0-48
	MOVD s+0(FP), R0
	MOVD blocks+8(FP), R1
	MOVD words_base+16(FP), R2
	MOVD words_len+24(FP), R8
	MOVD out+40(FP), R7
	LSL  $3, R8
	ADD  $576, R0, R3
	VLD2R (R3), [V16.S4, V17.S4]
	MOVD $eightMarks<>(SB), R3
	VLD1 (R3), [V19.B8]

block:
	MOVBU (R2), R6
	CBZ  R6, next
	BLOCK
	VST1 [V2.S4, V3.S4], (R7)
	GREATER(17, 2, 4)
	GREATER(17, 3, 5)
	BITS(R9)
	BIC  R9, R6
	MOVB R6, (R2)

next:
	ADD  $320, R1
	ADD  $32, R7
	ADD  $1, R2
	SUBS $1, R8
	BNE  block
	RET

// func sketchEstimatesNEON(s *Sketch, block unsafe.Pointer, out *[SketchRows]float32)
TEXT ·sketchEstimatesNEON(SB), NOSPLIT, $0-24
	MOVD s+0(FP), R0
	MOVD block+8(FP), R1
	MOVD out+16(FP), R7
	ADD  $576, R0, R3
	VLD1R (R3), [V16.S4]
	BLOCK
	VST1 [V2.S4, V3.S4], (R7)
	RET

// POINTS makes points of the 16 codes in a register, and writes them. V16 is the
// step, V17 the middle.
#define POINTS(codes) \
	VUXTL codes.B8, V4.H8; \
	VUXTL2 codes.B16, V6.H8; \
	VUXTL2 V4.H8, V5.S4; \
	VUXTL V4.H4, V4.S4; \
	VUXTL2 V6.H8, V7.S4; \
	VUXTL V6.H4, V6.S4; \
	FLOATS(4, 4); \
	FLOATS(5, 5); \
	FLOATS(6, 6); \
	FLOATS(7, 7); \
	SUB4(17, 4, 4); \
	SUB4(17, 5, 5); \
	SUB4(17, 6, 6); \
	SUB4(17, 7, 7); \
	MUL4(16, 4, 4); \
	MUL4(16, 5, 5); \
	MUL4(16, 6, 6); \
	MUL4(16, 7, 7); \
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)

// func points4NEON(out []float32, codes []byte, step float32)
TEXT ·points4NEON(SB), NOSPLIT, $0-52
	MOVD out_base+0(FP), R0
	MOVD out_len+8(FP), R1
	MOVD codes_base+24(FP), R2
	MOVWU step+48(FP), R3
	VDUP R3, V16.S4
	MOVD $0x40f00000, R3 // 7.5
	VDUP R3, V17.S4
	VMOVI $15, V18.B16

group:
	VLD1.P 16(R2), [V0.B16]
	VAND V18.B16, V0.B16, V1.B16
	VUSHR $4, V0.B16, V2.B16
	POINTS(V1)
	POINTS(V2)
	SUBS $32, R1
	BNE  group
	RET

// func signsNEON(bits []byte, step, point []float32) (along, at float32)
TEXT ·signsNEON(SB), NOSPLIT, $0-80
	MOVD bits_base+0(FP), R0
	MOVD bits_len+8(FP), R1
	MOVD step_base+24(FP), R2
	MOVD point_base+48(FP), R4
	MOVD $0x80000000, R3
	VDUP R3, V18.S4
	MOVD $eightMarks<>(SB), R3
	VLD1 (R3), [V19.B8]
	VEOR V20.B16, V20.B16, V20.B16
	VEOR V21.B16, V21.B16, V21.B16

eight:
	VLD1.P 32(R2), [V0.S4, V1.S4]
	VLD1.P 32(R4), [V2.S4, V3.S4]
	UNSIGNED(0, 4)
	UNSIGNED(1, 5)
	BITS(R6)
	MOVB.P R6, 1(R0)
	VAND V18.B16, V0.B16, V4.B16
	VAND V18.B16, V1.B16, V5.B16
	VEOR V4.B16, V0.B16, V0.B16
	VEOR V5.B16, V1.B16, V1.B16
	VEOR V4.B16, V2.B16, V2.B16
	VEOR V5.B16, V3.B16, V3.B16
	ADD4(0, 20, 20)
	ADD4(1, 20, 20)
	ADD4(2, 21, 21)
	ADD4(3, 21, 21)
	SUBS $1, R1
	BNE  eight
	ADDPAIRS(21, 20, 20)
	ADDPAIRS(20, 20, 20)
	FMOVS F20, along+72(FP)
	VMOV V20.S[1], R3
	MOVW R3, at+76(FP)
	RET

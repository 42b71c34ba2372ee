//go:build !noasm

#include "textflag.h"

// Kernels of codes for arm64. Go's assembler lacks the vector instructions that
// multiply integers, so those are written as words; d, n and m are numbers of
// vector registers.

// SMULL Vd.8H, Vn.8B, Vm.8B: n·m of the lower bytes
#define MUL(m, n, d) WORD $(0x0E20C000 | (m)<<16 | (n)<<5 | (d))
// SMLAL Vd.8H, Vn.8B, Vm.8B: d + n·m of the lower bytes
#define MULADD(m, n, d) WORD $(0x0E208000 | (m)<<16 | (n)<<5 | (d))
// SMLAL2 Vd.8H, Vn.16B, Vm.16B: d + n·m of the upper bytes
#define MULADDUP(m, n, d) WORD $(0x4E208000 | (m)<<16 | (n)<<5 | (d))
// SADALP Vd.4S, Vn.8H: d + sums of neighbours
#define ADDPAIRS(n, d) WORD $(0x4E606800 | (n)<<5 | (d))
// FADD and FSUB Vd.4S, Vn.4S, Vm.4S: n + m, n − m
#define ADD4(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))
#define SUB4(m, n, d) WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d))

// Rows are asked of memory so many places of the list ahead, two lines each.
#define LEAD 8

// A block is 32 dimensions: of the row at R9, of the query at R10. Two products
// of at most 127·127 fit 16 bits together, and so do four of 15·127.
#define BLOCK8 \
	VLD1.P 32(R9), [V0.B16, V1.B16]; \
	VLD1.P 32(R10), [V2.B16, V3.B16]; \
	MUL(2, 0, 4); \
	MULADDUP(2, 0, 4); \
	MUL(3, 1, 5); \
	MULADDUP(3, 1, 5); \
	ADDPAIRS(4, 16); \
	ADDPAIRS(5, 17)

#define BLOCK4 \
	VLD1.P 16(R9), [V0.B16]; \
	VLD1.P 32(R10), [V2.B16, V3.B16]; \
	VAND V31.B16, V0.B16, V1.B16; \
	VUSHR $4, V0.B16, V0.B16; \
	MUL(2, 1, 4); \
	MULADDUP(2, 1, 4); \
	MULADD(3, 0, 4); \
	MULADDUP(3, 0, 4); \
	ADDPAIRS(4, 16)

// SUMS is a list kernel, row by row.
#define SUMS(BLOCK) \
	MOVD query_base+0(FP), R0; \
	MOVD query_len+8(FP), R1; \
	MOVD base+24(FP), R2; \
	MOVD stride+32(FP), R3; \
	MOVD ids_base+40(FP), R4; \
	MOVD ids_len+48(FP), R5; \
	MOVD out_base+64(FP), R6; \
	MOVD $15, R7; \
	VDUP R7, V31.B16; \
	LSR  $5, R1; \
	CBZ  R5, done; \
next: \
	CMP  $LEAD, R5; \
	BLE  ready; \
	MOVWU (4*LEAD)(R4), R9; \
	MADD R3, R2, R9, R9; \
	PRFM (R9), PLDL1KEEP; \
	PRFM 64(R9), PLDL1KEEP; \
ready: \
	MOVWU.P 4(R4), R9; \
	MADD R3, R2, R9, R9; \
	MOVD R0, R10; \
	MOVD R1, R11; \
	VEOR V16.B16, V16.B16, V16.B16; \
	VEOR V17.B16, V17.B16, V17.B16; \
	CBZ  R11, summed; \
block: \
	BLOCK; \
	SUB  $1, R11; \
	CBNZ R11, block; \
summed: \
	VADD V17.S4, V16.S4, V16.S4; \
	VADDV V16.S4, V16; \
	VMOV V16.S[0], R12; \
	MOVW.P R12, 4(R6); \
	SUB  $1, R5; \
	CBNZ R5, next; \
done: \
	RET

// func code8SumsNEON(query []int8, base *byte, stride int, ids []uint32, out []int32)
TEXT ·code8SumsNEON(SB), NOSPLIT, $0-88
	SUMS(BLOCK8)

// func code4SumsNEON(query []int8, base *byte, stride int, ids []uint32, out []int32)
TEXT ·code4SumsNEON(SB), NOSPLIT, $0-88
	SUMS(BLOCK4)

// func fastScanNEON(luts []uint8, blocks *byte, out []uint16)
TEXT ·fastScanNEON(SB), NOSPLIT, $0-56
	MOVD luts_base+0(FP), R0
	MOVD luts_len+8(FP), R1
	MOVD blocks+24(FP), R2
	MOVD out_base+32(FP), R3
	MOVD out_len+40(FP), R4
	MOVD $15, R7
	VDUP R7, V31.B16
	LSR  $4, R1
	LSR  $5, R4

scan:
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V19.B16, V19.B16, V19.B16
	MOVD R0, R5
	MOVD R1, R6
	CBZ  R6, summed

table:
	VLD1.P  16(R5), [V0.B16]
	VLD1.P  16(R2), [V1.B16]
	VAND    V31.B16, V1.B16, V2.B16
	VUSHR   $4, V1.B16, V1.B16
	VTBL    V2.B16, [V0.B16], V2.B16
	VTBL    V1.B16, [V0.B16], V1.B16
	VUADDW  V2.B8, V16.H8, V16.H8
	VUADDW2 V2.B16, V17.H8, V17.H8
	VUADDW  V1.B8, V18.H8, V18.H8
	VUADDW2 V1.B16, V19.H8, V19.H8
	SUB     $1, R6
	CBNZ    R6, table

summed:
	VST1.P [V16.H8, V17.H8, V18.H8, V19.H8], 64(R3)
	SUB    $1, R4
	CBNZ   R4, scan
	RET

// func butterfliesNEON(a, b []float32)
TEXT ·butterfliesNEON(SB), NOSPLIT, $0-48
	MOVD a_base+0(FP), R0
	MOVD a_len+8(FP), R1
	MOVD b_base+24(FP), R2
	LSR  $2, R1

four:
	VLD1   (R0), [V0.S4]
	VLD1   (R2), [V1.S4]
	ADD4(1, 0, 2)
	SUB4(1, 0, 3)
	VST1.P [V2.S4], 16(R0)
	VST1.P [V3.S4], 16(R2)
	SUB    $1, R1
	CBNZ   R1, four
	RET

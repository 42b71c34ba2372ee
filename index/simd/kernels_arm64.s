//go:build !noasm

#include "textflag.h"

// Kernels for arm64. Go's assembler has VFMLA and VFMLS but no other vector
// arithmetic on floats, so those instructions are written as words; d, n and m
// are numbers of vector registers, four floats each.
//
// Every row has two accumulators, for its even and odd registers, and one order
// of reduction, so that a row's distance has the same bits in a list and alone.

// FADD Vd.4S, Vn.4S, Vm.4S
#define ADD4(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))
// FADDP Vd.4S, Vn.4S, Vm.4S: sums of neighbours, n's before m's
#define ADDPAIRS(m, n, d) WORD $(0x6E20D400 | (m)<<16 | (n)<<5 | (d))
// FABD Vd.4S, Vn.4S, Vm.4S: |n − m|
#define ABSDIFF(m, n, d) WORD $(0x6EA0D400 | (m)<<16 | (n)<<5 | (d))
// FMLA Vd.4S, Vn.4S, Vm.4S: d + n·m
#define MULADD(m, n, d) WORD $(0x4E20CC00 | (m)<<16 | (n)<<5 | (d))
// FMLS Vd.4S, Vn.4S, Vm.4S: d − n·m
#define MULSUB(m, n, d) WORD $(0x4EA0CC00 | (m)<<16 | (n)<<5 | (d))

// One register's worth of a distance: row and query to acc. V6 is scratch.
#define DOT(row, query, acc) MULADD(row, query, acc)
#define NEGDOT(row, query, acc) MULSUB(row, query, acc)
#define L2(row, query, acc) ABSDIFF(row, query, 6); MULADD(6, 6, acc)
#define L1(row, query, acc) ABSDIFF(row, query, 6); ADD4(6, acc, acc)

// PAIR computes the distance of R0 and R1, R2 floats each, into F16.
#define PAIR(STEP) \
	VEOR V16.B16, V16.B16, V16.B16; \
	VEOR V20.B16, V20.B16, V20.B16; \
	LSR  $3, R2, R3; \
	CBZ  R3, four; \
blocks: \
	VLD1.P 32(R0), [V0.S4, V1.S4]; \
	VLD1.P 32(R1), [V2.S4, V3.S4]; \
	STEP(2, 0, 16); \
	STEP(3, 1, 20); \
	SUB  $1, R3; \
	CBNZ R3, blocks; \
four: \
	TBZ  $2, R2, ones; \
	VLD1.P 16(R0), [V0.S4]; \
	VLD1.P 16(R1), [V2.S4]; \
	STEP(2, 0, 16); \
ones: \
	ANDS $3, R2, R3; \
	BEQ  summed; \
one: \
	FMOVS.P 4(R0), F0; \
	FMOVS.P 4(R1), F2; \
	STEP(2, 0, 20); \
	SUB  $1, R3; \
	CBNZ R3, one; \
summed: \
	ADD4(20, 16, 16); \
	ADDPAIRS(16, 16, 16); \
	ADDPAIRS(16, 16, 16)

// ROWAT points row at ids[R7+i], or at the last row beyond the end.
#define ROWAT(i, row) \
	ADD   $(i), R7, R25; \
	CMP   R8, R25; \
	CSEL  GT, R8, R25, R25; \
	MOVWU (R4)(R25<<2), R25; \
	MADD  R3, R2, R25, row

// FOUR adds one register of four rows, V2 to V5, to accumulators from acc on.
#define FOUR(STEP, query, acc) \
	STEP(2, query, (acc)+0); \
	STEP(3, query, (acc)+1); \
	STEP(4, query, (acc)+2); \
	STEP(5, query, (acc)+3)

#define LOAD4 \
	VLD1.P 16(R23), [V0.S4]; \
	VLD1.P 16(R9), [V2.S4]; \
	VLD1.P 16(R10), [V3.S4]; \
	VLD1.P 16(R11), [V4.S4]; \
	VLD1.P 16(R12), [V5.S4]

#define PREFETCH(at) \
	PRFM at(R19), PLDL1KEEP; \
	PRFM at(R20), PLDL1KEEP; \
	PRFM at(R21), PLDL1KEEP; \
	PRFM at(R22), PLDL1KEEP

// ROWS: R0 query, R1 its length, R2 base, R3 stride, R4 ids, R5 their number,
// R6 out. Rows at R9 to R12 are computed while those at R19 to R22 are fetched.
#define ROWS(STEP) \
	CBZ  R5, done; \
	SUB  $1, R5, R8; \
	MOVD $0, R7; \
group: \
	ROWAT(0, R9); \
	ROWAT(1, R10); \
	ROWAT(2, R11); \
	ROWAT(3, R12); \
	ROWAT(4, R19); \
	ROWAT(5, R20); \
	ROWAT(6, R21); \
	ROWAT(7, R22); \
	MOVD R0, R23; \
	VEOR V16.B16, V16.B16, V16.B16; \
	VEOR V17.B16, V17.B16, V17.B16; \
	VEOR V18.B16, V18.B16, V18.B16; \
	VEOR V19.B16, V19.B16, V19.B16; \
	VEOR V20.B16, V20.B16, V20.B16; \
	VEOR V21.B16, V21.B16, V21.B16; \
	VEOR V22.B16, V22.B16, V22.B16; \
	VEOR V23.B16, V23.B16, V23.B16; \
	LSR  $3, R1, R24; \
	CBZ  R24, four; \
blocks: \
	PREFETCH(0); \
	ADD  $32, R19; \
	ADD  $32, R20; \
	ADD  $32, R21; \
	ADD  $32, R22; \
	LOAD4; \
	FOUR(STEP, 0, 16); \
	LOAD4; \
	FOUR(STEP, 0, 20); \
	SUB  $1, R24; \
	CBNZ R24, blocks; \
four: \
	PREFETCH(0); \
	PREFETCH(24); \
	TBZ  $2, R1, ones; \
	LOAD4; \
	FOUR(STEP, 0, 16); \
ones: \
	ANDS $3, R1, R24; \
	BEQ  summed; \
one: \
	FMOVS.P 4(R23), F0; \
	FMOVS.P 4(R9), F2; \
	FMOVS.P 4(R10), F3; \
	FMOVS.P 4(R11), F4; \
	FMOVS.P 4(R12), F5; \
	FOUR(STEP, 0, 20); \
	SUB  $1, R24; \
	CBNZ R24, one; \
summed: \
	ADD4(20, 16, 16); \
	ADD4(21, 17, 17); \
	ADD4(22, 18, 18); \
	ADD4(23, 19, 19); \
	ADDPAIRS(17, 16, 16); \
	ADDPAIRS(19, 18, 18); \
	ADDPAIRS(18, 16, 16); \
	ADD  $4, R7; \
	CMP  R5, R7; \
	BGT  part; \
	VST1.P [V16.S4], 16(R6); \
	BLT  group; \
	B    done; \
part: \
	SUB  R5, R7, R25; \
	VST1.P V16.S[0], 4(R6); \
	CMP  $3, R25; \
	BGE  done; \
	VST1.P V16.S[1], 4(R6); \
	CMP  $2, R25; \
	BGE  done; \
	VST1.P V16.S[2], 4(R6); \
done: \
	RET

// func dotNEON(a, b []float32) float32
TEXT ·dotNEON(SB), NOSPLIT, $0-52
	MOVD a_base+0(FP), R0
	MOVD b_base+24(FP), R1
	MOVD a_len+8(FP), R2
	PAIR(DOT)
	FMOVS F16, ret+48(FP)
	RET

// func dotRowsNEON(query []float32, base *byte, stride int, ids []uint32, out []float32)
TEXT ·dotRowsNEON(SB), NOSPLIT, $0-88
	MOVD query_base+0(FP), R0
	MOVD query_len+8(FP), R1
	MOVD base+24(FP), R2
	MOVD stride+32(FP), R3
	MOVD ids_base+40(FP), R4
	MOVD ids_len+48(FP), R5
	MOVD out_base+64(FP), R6
	ROWS(NEGDOT)

// func l2NEON(a, b []float32) float32
TEXT ·l2NEON(SB), NOSPLIT, $0-52
	MOVD a_base+0(FP), R0
	MOVD b_base+24(FP), R1
	MOVD a_len+8(FP), R2
	PAIR(L2)
	FMOVS F16, ret+48(FP)
	RET

// func l2RowsNEON(query []float32, base *byte, stride int, ids []uint32, out []float32)
TEXT ·l2RowsNEON(SB), NOSPLIT, $0-88
	MOVD query_base+0(FP), R0
	MOVD query_len+8(FP), R1
	MOVD base+24(FP), R2
	MOVD stride+32(FP), R3
	MOVD ids_base+40(FP), R4
	MOVD ids_len+48(FP), R5
	MOVD out_base+64(FP), R6
	ROWS(L2)

// func l1NEON(a, b []float32) float32
TEXT ·l1NEON(SB), NOSPLIT, $0-52
	MOVD a_base+0(FP), R0
	MOVD b_base+24(FP), R1
	MOVD a_len+8(FP), R2
	PAIR(L1)
	FMOVS F16, ret+48(FP)
	RET

// func l1RowsNEON(query []float32, base *byte, stride int, ids []uint32, out []float32)
TEXT ·l1RowsNEON(SB), NOSPLIT, $0-88
	MOVD query_base+0(FP), R0
	MOVD query_len+8(FP), R1
	MOVD base+24(FP), R2
	MOVD stride+32(FP), R3
	MOVD ids_base+40(FP), R4
	MOVD ids_len+48(FP), R5
	MOVD out_base+64(FP), R6
	ROWS(L1)

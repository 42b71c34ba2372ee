//go:build !noasm

#include "textflag.h"

// The mark of each of four lanes.
DATA fourMarks<>+0(SB)/8, $0x0000000200000001
DATA fourMarks<>+8(SB)/8, $0x0000000800000004
GLOBL fourMarks<>(SB), RODATA|NOPTR, $16

// FCMGT Vd.4S, Vn.4S, Vm.4S: ones where n is greater than m
#define GREATER(m, n, d) WORD $(0x6EA0E400 | (m)<<16 | (n)<<5 | (d))

// FARTHER leaves for found when the block at R13 is the first, or the last of the
// block before is no farther than the candidate.
#define FARTHER(found) \
	CMP   R0, R13; \
	BEQ   found; \
	FMOVS -4(R13), F8; \
	FCMPS F16, F8; \
	BLE   found

// BYALANE moves eight lanes on by one; the last of the four before comes in.
#define BYALANE(low, high, before) \
	VEXT $12, high.B16, low.B16, high.B16; \
	VEXT $12, low.B16, before.B16, low.B16

// func offerNEON(dist []float32, slot []uint32, room, n int, slots []uint32, offered []float32) (filled, first int)
//
// R0 distances, R1 slots, R2 room, R3 how many are in, R4 and R6 the slots and
// distances of the next of R5 offered, R7 the first place, R9 where the limit is.
// Blocks of eight move from the last in use down, where AVX goes up: what says that
// a block is the candidate's is then one lane of the one before, and need not come
// out of a comparison of vectors.
TEXT ·offerNEON(SB), NOSPLIT, $0-128
	MOVD dist_base+0(FP), R0
	MOVD slot_base+24(FP), R1
	MOVD room+48(FP), R2
	MOVD n+56(FP), R3
	MOVD slots_base+64(FP), R4
	MOVD slots_len+72(FP), R5
	MOVD offered_base+88(FP), R6
	MOVD R2, R7
	ADD  R2<<2, R0, R9
	SUB  $4, R9
	MOVD $fourMarks<>(SB), R8
	VLD1 (R8), [V19.S4]
	VEOR V20.B16, V20.B16, V20.B16

some:
	VLD1R (R9), [V18.S4]
	CMP   $4, R5
	BLT   few
	VLD1  (R6), [V0.S4]

near:
	GREATER(0, 18, 0)
	VAND  V19.B16, V0.B16, V0.B16
	VADDV V0.S4, V0
	VMOV  V0.S[0], R10
	CBZ   R10, next

candidate:
	RBIT  R10, R11
	CLZ   R11, R11
	SUB   $1, R10, R12
	AND   R12, R10
	ADD   R11<<2, R6, R12
	VLD1R (R12), [V16.S4]
	ADD   R11<<2, R4, R12
	VLD1R (R12), [V17.S4]
	ADD   $1, R3
	CMP   R2, R3
	CSEL  LT, R3, R2, R3
	SUB   $1, R3, R12
	LSL   $2, R12
	AND   $~31, R12
	ADD   R12, R0, R13
	ADD   R12, R1, R14
	FLDPQ (R13), (F0, F1)
	FLDPQ (R14), (F2, F3)

even:
	FARTHER(here)
	FLDPQ.W -32(R13), (F4, F5)
	FLDPQ.W -32(R14), (F6, F7)
	BYALANE(V0, V1, V5)
	BYALANE(V2, V3, V7)
	FSTPQ (F0, F1), 32(R13)
	FSTPQ (F2, F3), 32(R14)
	FARTHER(odd)
	FLDPQ.W -32(R13), (F0, F1)
	FLDPQ.W -32(R14), (F2, F3)
	BYALANE(V4, V5, V1)
	BYALANE(V6, V7, V3)
	FSTPQ (F4, F5), 32(R13)
	FSTPQ (F6, F7), 32(R14)
	B even

odd:
	VMOV V4.B16, V0.B16
	VMOV V5.B16, V1.B16
	VMOV V6.B16, V2.B16
	VMOV V7.B16, V3.B16

here:
	// V8 and V9: the farther lanes, the last ones. V10 and V11: all of those but the
	// first, whose lanes come from before them; then the first alone.
	GREATER(16, 0, 8)
	GREATER(16, 1, 9)
	VEXT $12, V8.B16, V20.B16, V10.B16
	VEXT $12, V9.B16, V8.B16, V11.B16
	VEXT $12, V0.B16, V0.B16, V4.B16
	VEXT $12, V1.B16, V0.B16, V5.B16
	VEXT $12, V2.B16, V2.B16, V6.B16
	VEXT $12, V3.B16, V2.B16, V7.B16
	VBIT V10.B16, V4.B16, V0.B16
	VBIT V11.B16, V5.B16, V1.B16
	VBIT V10.B16, V6.B16, V2.B16
	VBIT V11.B16, V7.B16, V3.B16
	VEOR V8.B16, V10.B16, V10.B16
	VEOR V9.B16, V11.B16, V11.B16
	VBIT V10.B16, V16.B16, V0.B16
	VBIT V11.B16, V16.B16, V1.B16
	VBIT V10.B16, V17.B16, V2.B16
	VBIT V11.B16, V17.B16, V3.B16
	FSTPQ (F0, F1), (R13)
	FSTPQ (F2, F3), (R14)

	// Its place: as many lanes as were not farther, of which each is −1. When none
	// was, nearer ones came in between, and it went nowhere: a place beyond room.
	VADD  V9.S4, V8.S4, V8.S4
	VADDV V8.S4, V8
	VMOV  V8.S[0], R12
	SXTW  R12, R12
	SUB   R0, R13
	ADD   R13>>2, R12
	ADD   $8, R12
	CMP   R7, R12
	CSEL  LT, R12, R7, R7
	CBNZ  R10, candidate

next:
	ADD  $16, R6
	ADD  $16, R4
	SUBS $4, R5
	BGT  some
	MOVD R3, filled+112(FP)
	MOVD R7, first+120(FP)
	RET

	// One to three; what is as far as the limit stands for the others.
few:
	VMOV V18.B16, V0.B16
	TBZ  $1, R5, one
	VLD1 (R6), V0.D[0]
	TBZ  $0, R5, near
	ADD  $8, R6, R11
	VLD1 (R11), V0.S[2]
	B    near

one:
	VLD1 (R6), V0.S[0]
	B    near

//go:build !noasm

#include "textflag.h"

// func prefetch(p unsafe.Pointer)
TEXT ·prefetch(SB), NOSPLIT, $0-8
	MOVD p+0(FP), R0
	PRFM (R0), PLDL1KEEP
	PRFM 64(R0), PLDL1KEEP
	PRFM 128(R0), PLDL1KEEP
	RET

// func prefetchRows(base unsafe.Pointer, stride, bytes int, ids []uint32)
TEXT ·prefetchRows(SB), NOSPLIT, $0-48
	MOVD base+0(FP), R0
	MOVD stride+8(FP), R1
	MOVD bytes+16(FP), R2
	MOVD ids_base+24(FP), R3
	MOVD ids_len+32(FP), R4
	SUB  $1, R2

row:
	CBZ  R4, done
	MOVWU.P 4(R3), R5
	MADD R1, R0, R5, R5
	ADD  R2, R5, R6

line:
	PRFM (R5), PLDL1KEEP
	ADD  $64, R5
	CMP  R6, R5
	BLO  line
	PRFM (R6), PLDL1KEEP
	SUB  $1, R4
	B    row

done:
	RET

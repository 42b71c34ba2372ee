//go:build !noasm

#include "textflag.h"

// func prefetch(p unsafe.Pointer)
TEXT ·prefetch(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	PREFETCHT0 128(AX)
	RET

// func prefetchRows(base unsafe.Pointer, stride, bytes int, ids []uint32)
TEXT ·prefetchRows(SB), NOSPLIT, $0-48
	MOVQ base+0(FP), AX
	MOVQ stride+8(FP), BX
	MOVQ bytes+16(FP), CX
	MOVQ ids_base+24(FP), SI
	MOVQ ids_len+32(FP), DX
	LEAQ (SI)(DX*4), DX

row:
	CMPQ SI, DX
	JAE  done
	MOVL (SI), DI
	ADDQ $4, SI
	IMULQ BX, DI
	ADDQ AX, DI
	LEAQ -1(DI)(CX*1), R8

line:
	PREFETCHT0 (DI)
	ADDQ $64, DI
	CMPQ DI, R8
	JB   line
	PREFETCHT0 (R8)
	JMP  row

done:
	RET

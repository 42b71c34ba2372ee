//go:build !noasm

#include "textflag.h"

// Eight vectors of a block: their marks go to AX.
#define EIGHT(n) \
	VPMOVZXWD (16*n)(DI), Y0 \
	VCVTDQ2PS Y0, Y0 \
	VFMADD213PS Y14, Y15, Y0 \
	VMOVUPS (128+32*n)(SI), Y1 \
	VFMADD213PS (32*n)(SI), Y1, Y0 \
	VCMPPS $0x11, Y13, Y0, Y0 \
	VMOVMSKPS Y0, AX

// The same with heads of bfloat16.
#define EIGHT16(n) \
	VPMOVZXWD (16*n)(DI), Y0 \
	VCVTDQ2PS Y0, Y0 \
	VFMADD213PS Y14, Y15, Y0 \
	VPMOVZXWD (64+16*n)(SI), Y1 \
	VPSLLD $16, Y1, Y1 \
	VPMOVZXWD (16*n)(SI), Y2 \
	VPSLLD $16, Y2, Y2 \
	VFMADD213PS Y2, Y1, Y0 \
	VCMPPS $0x11, Y13, Y0, Y0 \
	VMOVMSKPS Y0, AX

// All blocks, eight vectors at a time.
#define SIFT(eight) \
	MOVQ s+0(FP), AX \
	VBROADCASTSS (AX), Y15 \
	VBROADCASTSS 4(AX), Y14 \
	VBROADCASTSS 8(AX), Y13 \
	MOVQ heads+8(FP), SI \
	MOVQ stride+16(FP), R8 \
	MOVQ sums_base+24(FP), DI \
	MOVQ below_base+48(FP), DX \
	MOVQ below_len+56(FP), CX \
block: \
	eight(0) \
	MOVL AX, BX \
	eight(1) \
	SHLL $8, AX \
	ORL  AX, BX \
	eight(2) \
	SHLL $16, AX \
	ORL  AX, BX \
	eight(3) \
	SHLL $24, AX \
	ORL  AX, BX \
	MOVL BX, (DX) \
	ADDQ R8, SI \
	ADDQ $64, DI \
	ADDQ $4, DX \
	DECQ CX \
	JNZ  block \
	VZEROUPPER

// func siftAVX2(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)
TEXT ·siftAVX2(SB), NOSPLIT, $0-72
	SIFT(EIGHT)
	RET

// func sift16AVX2(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)
TEXT ·sift16AVX2(SB), NOSPLIT, $0-72
	SIFT(EIGHT16)
	RET

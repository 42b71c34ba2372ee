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

// Sixteen vectors of a block: their marks go to a mask.
#define SIXTEEN(n, mask) \
	VPMOVZXWD (32*n)(DI), Z0 \
	VCVTDQ2PS Z0, Z0 \
	VFMADD213PS Z14, Z15, Z0 \
	VMOVUPS (128+64*n)(SI), Z1 \
	VFMADD213PS (64*n)(SI), Z1, Z0 \
	VCMPPS $0x11, Z13, Z0, mask

// The same with heads of bfloat16.
#define SIXTEEN16(n, mask) \
	VPMOVZXWD (32*n)(DI), Z0 \
	VCVTDQ2PS Z0, Z0 \
	VFMADD213PS Z14, Z15, Z0 \
	VPMOVZXWD (64+32*n)(SI), Z1 \
	VPSLLD $16, Z1, Z1 \
	VPMOVZXWD (32*n)(SI), Z2 \
	VPSLLD $16, Z2, Z2 \
	VFMADD213PS Z2, Z1, Z0 \
	VCMPPS $0x11, Z13, Z0, mask

// The arguments.
#define ARGUMENTS \
	MOVQ s+0(FP), AX \
	MOVQ heads+8(FP), SI \
	MOVQ stride+16(FP), R8 \
	MOVQ sums_base+24(FP), DI \
	MOVQ below_base+48(FP), DX \
	MOVQ below_len+56(FP), CX

// The step to the next block.
#define NEXT \
	ADDQ R8, SI \
	ADDQ $64, DI \
	ADDQ $4, DX \
	DECQ CX

// All blocks, eight vectors at a time.
#define SIFT(eight) \
	ARGUMENTS \
	VBROADCASTSS (AX), Y15 \
	VBROADCASTSS 4(AX), Y14 \
	VBROADCASTSS 8(AX), Y13 \
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
	NEXT \
	JNZ  block \
	VZEROUPPER

// All blocks, sixteen vectors at a time.
#define SIFT512(sixteen) \
	ARGUMENTS \
	VBROADCASTSS (AX), Z15 \
	VBROADCASTSS 4(AX), Z14 \
	VBROADCASTSS 8(AX), Z13 \
block: \
	sixteen(0, K1) \
	sixteen(1, K2) \
	KUNPCKWD K1, K2, K1 \
	KMOVD K1, (DX) \
	NEXT \
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

// func siftAVX512(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)
TEXT ·siftAVX512(SB), NOSPLIT, $0-72
	SIFT512(SIXTEEN)
	RET

// func sift16AVX512(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)
TEXT ·sift16AVX512(SB), NOSPLIT, $0-72
	SIFT512(SIXTEEN16)
	RET

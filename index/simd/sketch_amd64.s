//go:build !noasm

#include "textflag.h"

// Two pairs of coordinates of a block's eight sketches: added to Y0 and Y1.
#define TWO(n) \
	VPMOVSXBW (32*n)(SI), Y2 \
	VPMOVSXBW (32*n+16)(SI), Y3 \
	VPMADDWD (64*n)(DX), Y2, Y2 \
	VPMADDWD (64*n+32)(DX), Y3, Y3 \
	VPADDD Y2, Y0, Y0 \
	VPADDD Y3, Y1, Y1

// The estimates of the block at SI by the Sketch at DX: Y0. Y15 is its mul.
#define BLOCK \
	VPXOR Y0, Y0, Y0 \
	VPXOR Y1, Y1, Y1 \
	TWO(0) \
	TWO(1) \
	TWO(2) \
	TWO(3) \
	TWO(4) \
	TWO(5) \
	TWO(6) \
	TWO(7) \
	TWO(8) \
	VPADDD Y1, Y0, Y0 \
	VCVTDQ2PS Y0, Y0 \
	VFMADD213PS 288(SI), Y15, Y0

// func sketchWithinAVX2(s *Sketch, blocks unsafe.Pointer, words []uint64, out *float32)
TEXT ·sketchWithinAVX2(SB), NOSPLIT, $0-48
	MOVQ s+0(FP), DX
	MOVQ blocks+8(FP), SI
	MOVQ words_base+16(FP), DI
	MOVQ words_len+24(FP), CX
	MOVQ out+40(FP), R8
	SHLQ $3, CX
	VBROADCASTSS 576(DX), Y15
	VBROADCASTSS 580(DX), Y14

block:
	MOVBLZX (DI), AX
	TESTL AX, AX
	JZ   next
	BLOCK
	VMOVUPS Y0, (R8)
	VCMPPS $0x1a, Y14, Y0, Y0 // not greater, or no number
	VMOVMSKPS Y0, BX
	ANDL BX, AX
	MOVB AX, (DI)

next:
	ADDQ $320, SI
	ADDQ $32, R8
	INCQ DI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

// func sketchEstimatesAVX2(s *Sketch, block unsafe.Pointer, out *[SketchRows]float32)
TEXT ·sketchEstimatesAVX2(SB), NOSPLIT, $0-24
	MOVQ s+0(FP), DX
	MOVQ block+8(FP), SI
	MOVQ out+16(FP), DI
	VBROADCASTSS 576(DX), Y15
	BLOCK
	VMOVUPS Y0, (DI)
	VZEROUPPER
	RET

// Four pairs of coordinates of a block's eight sketches, added to Z0 and Z1.
#define FOUR(n) \
	VPMOVSXBW (64*n)(SI), Z2 \
	VPMOVSXBW (64*n+32)(SI), Z3 \
	VPMADDWD (128*n)(DX), Z2, Z2 \
	VPMADDWD (128*n+64)(DX), Z3, Z3 \
	VPADDD Z2, Z0, Z0 \
	VPADDD Z3, Z1, Z1

// BLOCK with registers of twice the size.
#define BLOCK512 \
	VPXOR X0, X0, X0 \
	VPXOR X1, X1, X1 \
	FOUR(0) \
	FOUR(1) \
	FOUR(2) \
	FOUR(3) \
	VPMOVSXBW 256(SI), Z2 \
	VPMADDWD 512(DX), Z2, Z2 \
	VPADDD Z1, Z0, Z0 \
	VPADDD Z2, Z0, Z0 \
	VEXTRACTI64X4 $1, Z0, Y1 \
	VPADDD Y1, Y0, Y0 \
	VCVTDQ2PS Y0, Y0 \
	VFMADD213PS 288(SI), Y15, Y0

// func sketchWithinAVX512(s *Sketch, blocks unsafe.Pointer, words []uint64, out *float32)
TEXT ·sketchWithinAVX512(SB), NOSPLIT, $0-48
	MOVQ s+0(FP), DX
	MOVQ blocks+8(FP), SI
	MOVQ words_base+16(FP), DI
	MOVQ words_len+24(FP), CX
	MOVQ out+40(FP), R8
	SHLQ $3, CX
	VBROADCASTSS 576(DX), Y15
	VBROADCASTSS 580(DX), Y14

block:
	MOVBLZX (DI), AX
	TESTL AX, AX
	JZ   next
	BLOCK512
	VMOVUPS Y0, (R8)
	VCMPPS $0x1a, Y14, Y0, Y0 // not greater, or no number
	VMOVMSKPS Y0, BX
	ANDL BX, AX
	MOVB AX, (DI)

next:
	ADDQ $320, SI
	ADDQ $32, R8
	INCQ DI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

// func sketchEstimatesAVX512(s *Sketch, block unsafe.Pointer, out *[SketchRows]float32)
TEXT ·sketchEstimatesAVX512(SB), NOSPLIT, $0-24
	MOVQ s+0(FP), DX
	MOVQ block+8(FP), SI
	MOVQ out+16(FP), DI
	VBROADCASTSS 576(DX), Y15
	BLOCK512
	VMOVUPS Y0, (DI)
	VZEROUPPER
	RET

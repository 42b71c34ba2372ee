//go:build !noasm

#include "textflag.h"

DATA nibble<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibble<>+8(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibble<>(SB), RODATA|NOPTR, $16

DATA middle<>+0(SB)/4, $0x40f00000 // 7.5
GLOBL middle<>(SB), RODATA|NOPTR, $4

DATA onlySign<>+0(SB)/4, $0x80000000
GLOBL onlySign<>(SB), RODATA|NOPTR, $4

// The lowest eight codes of a register become floats at an offset.
#define POINTS(codes, offset) \
	VPMOVZXBD codes, Y3 \
	VCVTDQ2PS Y3, Y3 \
	VSUBPS Y14, Y3, Y3 \
	VMULPS Y15, Y3, Y3 \
	VMOVUPS Y3, offset(DI)

// func points4AVX2(out []float32, codes []byte, step float32)
TEXT ·points4AVX2(SB), NOSPLIT, $0-52
	MOVQ out_base+0(FP), DI
	MOVQ out_len+8(FP), CX
	MOVQ codes_base+24(FP), SI
	VBROADCASTSS step+48(FP), Y15
	VBROADCASTSS middle<>(SB), Y14
	VMOVDQU nibble<>(SB), X13

group:
	VMOVDQU (SI), X0
	VPAND X13, X0, X1
	VPSRLW $4, X0, X2
	VPAND X13, X2, X2
	POINTS(X1, 0)
	VPSRLDQ $8, X1, X1
	POINTS(X1, 32)
	POINTS(X2, 64)
	VPSRLDQ $8, X2, X2
	POINTS(X2, 96)
	ADDQ $16, SI
	ADDQ $128, DI
	SUBQ $32, CX
	JNZ  group
	VZEROUPPER
	RET

// func signsAVX2(bits []byte, step, point []float32) (along, at float32)
TEXT ·signsAVX2(SB), NOSPLIT, $0-80
	MOVQ bits_base+0(FP), DX
	MOVQ bits_len+8(FP), CX
	MOVQ step_base+24(FP), SI
	MOVQ point_base+48(FP), DI
	VBROADCASTSS onlySign<>(SB), Y15
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5

eight:
	VMOVUPS (SI), Y0
	VMOVMSKPS Y0, AX
	NOTL AX
	MOVB AX, (DX)
	VANDPS Y15, Y0, Y2
	VXORPS Y2, Y0, Y0
	VXORPS (DI), Y2, Y1
	VADDPS Y0, Y4, Y4
	VADDPS Y1, Y5, Y5
	ADDQ $32, SI
	ADDQ $32, DI
	INCQ DX
	DECQ CX
	JNZ  eight
	VHADDPS Y5, Y4, Y4
	VHADDPS Y4, Y4, Y4
	VEXTRACTF128 $1, Y4, X5
	VADDPS X5, X4, X4
	VMOVSS X4, along+72(FP)
	VPSRLDQ $4, X4, X4
	VMOVSS X4, at+76(FP)
	VZEROUPPER
	RET

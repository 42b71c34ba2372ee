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

// The points of the sixteen codes.
DATA points16<>+0(SB)/8, $0xc0d00000c0f00000 // -7.5, -6.5
DATA points16<>+8(SB)/8, $0xc0900000c0b00000
DATA points16<>+16(SB)/8, $0xc0200000c0600000
DATA points16<>+24(SB)/8, $0xbf000000bfc00000
DATA points16<>+32(SB)/8, $0x3fc000003f000000
DATA points16<>+40(SB)/8, $0x4060000040200000
DATA points16<>+48(SB)/8, $0x40b0000040900000
DATA points16<>+56(SB)/8, $0x40f0000040d00000
GLOBL points16<>(SB), RODATA|NOPTR, $64

// func points4AVX512(out []float32, codes []byte, step float32)
TEXT ·points4AVX512(SB), NOSPLIT, $0-52
	MOVQ out_base+0(FP), DI
	MOVQ out_len+8(FP), CX
	MOVQ codes_base+24(FP), SI
	VBROADCASTSS step+48(FP), Z15
	VMULPS points16<>(SB), Z15, Z15

group: // a look-up goes by the lowest four bits of a lane
	VPMOVZXBD (SI), Z0
	VPERMPS Z15, Z0, Z1
	VPSRLD $4, Z0, Z0
	VPERMPS Z15, Z0, Z2
	VMOVUPS Z1, (DI)
	VMOVUPS Z2, 64(DI)
	ADDQ $16, SI
	ADDQ $128, DI
	SUBQ $32, CX
	JNZ  group
	VZEROUPPER
	RET

// func signsAVX512(bits []byte, step, point []float32) (along, at float32)
TEXT ·signsAVX512(SB), NOSPLIT, $0-80
	MOVQ bits_base+0(FP), DX
	MOVQ bits_len+8(FP), CX
	MOVQ step_base+24(FP), SI
	MOVQ point_base+48(FP), DI
	VPBROADCASTD onlySign<>(SB), Z15
	VXORPS X4, X4, X4
	VXORPS X5, X5, X5
	SUBQ $2, CX
	JLT  eight

sixteen:
	VMOVUPS (SI), Z0
	VPMOVD2M Z0, K1
	KNOTW K1, K1
	KMOVW K1, (DX)
	VANDPS Z15, Z0, Z2
	VXORPS Z2, Z0, Z0
	VXORPS (DI), Z2, Z1
	VADDPS Z0, Z4, Z4
	VADDPS Z1, Z5, Z5
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $2, DX
	SUBQ $2, CX
	JGE  sixteen

eight:
	TESTQ $1, CX
	JZ   summed
	VMOVUPS (SI), Y0
	VMOVMSKPS Y0, AX
	NOTL AX
	MOVB AX, (DX)
	VANDPS Y15, Y0, Y2
	VXORPS Y2, Y0, Y0
	VXORPS (DI), Y2, Y1
	VADDPS Z0, Z4, Z4 // their upper halves are zeros
	VADDPS Z1, Z5, Z5

summed:
	VEXTRACTF32X8 $1, Z4, Y0
	VEXTRACTF32X8 $1, Z5, Y1
	VADDPS Y0, Y4, Y4
	VADDPS Y1, Y5, Y5
	VHADDPS Y5, Y4, Y4
	VHADDPS Y4, Y4, Y4
	VEXTRACTF128 $1, Y4, X5
	VADDPS X5, X4, X4
	VMOVSS X4, along+72(FP)
	VPSRLDQ $4, X4, X4
	VMOVSS X4, at+76(FP)
	VZEROUPPER
	RET

package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// planeDims is the dimensions of a query that are cut into planes at once.
const planeDims = 32

// planes writes the cutting of a query of Bits into planes: the bit of a plane is
// brought to where the sign is, words are packed to bytes, which keeps their signs,
// and the signs are gathered.
func planes() {
	TEXT("planesAVX2", NOSPLIT, "func(words []uint64, query []int16, planes int)")
	Pragma("noescape")
	Doc("planesAVX2 sets words, which are so many planes, the most significant first, to",
		"the bits of query, whose length is a multiple of 32, not 0, and fits a plane.")
	query, out, end, size, shift := GP64(), GP64(), GP64(), GP64(), XMM()
	Load(Param("words").Len(), reg.RAX)
	XORL(reg.EDX, reg.EDX)
	count := GP64()
	Load(Param("planes"), count)
	DIVQ(count)
	MOVQ(reg.RAX, size)
	SHLQ(U8(3), size)
	Load(Param("words").Base(), out)
	Load(Param("query").Base(), query)
	Load(Param("query").Len(), end)
	LEAQ(Mem{Base: query, Index: end, Scale: 2}, end)
	bits := GP64()
	MOVL(U32(16), bits.As32())
	SUBL(count.As32(), bits.As32())
	VMOVD(bits.As32(), shift)

	Label("dims")
	first, second, low, high := YMM(), YMM(), YMM(), YMM()
	VMOVDQU(Mem{Base: query}, first)
	VMOVDQU(Mem{Base: query, Disp: planeDims}, second)
	// Packing goes by halves of registers: low gets dimensions 0 to 7 and 16 to 23.
	VPERM2I128(U8(0x20), second, first, low)
	VPERM2I128(U8(0x31), second, first, high)
	VPSLLW(shift, low, low)
	VPSLLW(shift, high, high)
	at, left, packed, signs := GP64(), GP64(), YMM(), GP32()
	MOVQ(out, at)
	MOVQ(count, left)
	Label("plane")
	VPACKSSWB(high, low, packed)
	VPMOVMSKB(packed, signs)
	MOVL(signs, Mem{Base: at})
	VPADDW(low, low, low)
	VPADDW(high, high, high)
	ADDQ(size, at)
	DECQ(left)
	JNZ(LabelRef("plane"))
	ADDQ(Imm(planeDims/8), out)
	ADDQ(Imm(2*planeDims), query)
	CMPQ(query, end)
	JL(LabelRef("dims"))
	VZEROUPPER()
	RET()
}

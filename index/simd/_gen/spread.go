package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// spread writes what takes the codes of a row apart.
func spread(consts *codeConsts) {
	TEXT("spread4AVX2", NOSPLIT, "func(out []int8, codes []byte) (sum int)")
	Pragma("noescape")
	Doc("spread4AVX2 sets out to twice each 4-bit code less 15 and adds up the codes; out is whole blocks of 32, at least one.")
	out, end, codes := GP64(), GP64(), GP64()
	Load(Param("out").Base(), out)
	Load(Param("out").Len(), end)
	ADDQ(out, end)
	Load(Param("codes").Base(), codes)
	nibbles, none, sums := YMM(), YMM(), YMM()
	VPBROADCASTD(consts.nibbles, nibbles)
	VPXOR(none, none, none)
	VPXOR(sums, sums, sums)

	Label("block")
	low, high, sum := XMM(), XMM(), YMM()
	VMOVDQU(Mem{Base: codes}, low)
	VPSRLW(U8(4), low, high)
	both := low.AsY()
	VINSERTI128(U8(1), high, both, both)
	VPAND(nibbles, both, both)
	VPSADBW(none, both, sum)
	VPADDQ(sum, sums, sums)
	VPADDB(both, both, both)
	VPSUBB(nibbles, both, both) // a nibble of ones is 15
	VMOVDQU(both, Mem{Base: out})
	ADDQ(Imm(tableBytes), codes)
	ADDQ(Imm(blockDims), out)
	CMPQ(out, end)
	JL(LabelRef("block"))

	upper := XMM()
	VEXTRACTI128(U8(1), sums, upper)
	VPADDQ(sums.AsX(), upper, upper)
	swapped := XMM()
	VPSRLDQ(U8(8), upper, swapped)
	VPADDQ(upper, swapped, upper)
	VZEROUPPER()
	answer := GP64()
	VMOVQ(upper, answer)
	Store(answer, ReturnIndex(0))
	RET()
}

package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns writes what adds one dimension of a distance to many points at once,
// which lie side by side dimension by dimension.
func columns() {
	abs := constant("columnAbs", 0x7fff_ffff)
	for _, c := range []struct {
		name, says string
		step       func(sum, column, x, mask reg.VecVirtual)
	}{
		{"columnDotAVX2", "takes x·column[i] from out[i]", func(sum, column, x, _ reg.VecVirtual) {
			VFNMADD231PS(column, x, sum)
		}},
		{"columnL2AVX2", "adds the square of x − column[i] to out[i]", func(sum, column, x, _ reg.VecVirtual) {
			VSUBPS(column, x, column)
			VFMADD231PS(column, column, sum)
		}},
		{"columnL1AVX2", "adds the size of x − column[i] to out[i]", func(sum, column, x, mask reg.VecVirtual) {
			VSUBPS(column, x, column)
			VANDPS(mask, column, column)
			VADDPS(column, sum, sum)
		}},
	} {
		TEXT(c.name, NOSPLIT, "func(out, column []float32, x float32)")
		Pragma("noescape")
		Doc(c.name + " " + c.says + "; the lengths are the same, a multiple of 8 and not 0.")
		at, column, end := GP64(), GP64(), GP64()
		Load(Param("out").Base(), at)
		Load(Param("out").Len(), end)
		LEAQ(Mem{Base: at, Index: end, Scale: 4}, end)
		Load(Param("column").Base(), column)
		x, mask := YMM(), YMM()
		VBROADCASTSS(param("x"), x)
		VBROADCASTSS(abs, mask)
		Label("next")
		sum, points := YMM(), YMM()
		VMOVUPS(Mem{Base: at}, sum)
		VMOVUPS(Mem{Base: column}, points)
		c.step(sum, points, x, mask)
		VMOVUPS(sum, Mem{Base: at})
		ADDQ(Imm(4*lanes), column)
		ADDQ(Imm(4*lanes), at)
		CMPQ(at, end)
		JL(LabelRef("next"))
		VZEROUPPER()
		RET()
	}
}

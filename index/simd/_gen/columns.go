package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns writes what adds one dimension of a distance to many points at once,
// which lie side by side dimension by dimension.
func columns(k *isa) {
	for _, c := range []struct {
		name, says string
		step       func(sum, column, x, mask reg.VecVirtual)
	}{
		{"columnDot", "takes x·column[i] from out[i]", func(sum, column, x, _ reg.VecVirtual) {
			VFNMADD231PS(column, x, sum)
		}},
		{"columnL2", "adds the square of x − column[i] to out[i]", func(sum, column, x, _ reg.VecVirtual) {
			VSUBPS(column, x, column)
			VFMADD231PS(column, column, sum)
		}},
		{"columnL1", "adds the size of x − column[i] to out[i]", func(sum, column, x, mask reg.VecVirtual) {
			VSUBPS(column, x, column)
			VANDPS(mask, column, column)
			VADDPS(column, sum, sum)
		}},
	} {
		name := c.name + k.name
		TEXT(name, NOSPLIT, "func(out, column []float32, x float32)")
		Pragma("noescape")
		Doc(fmt.Sprintf("%s %s; the lengths are the same, a multiple of %d and not 0.", name, c.says, k.bytes/4))
		at, column, end := GP64(), GP64(), GP64()
		Load(Param("out").Base(), at)
		Load(Param("out").Len(), end)
		LEAQ(Mem{Base: at, Index: end, Scale: 4}, end)
		Load(Param("column").Base(), column)
		x := k.new()
		VBROADCASTSS(param("x"), x)
		sizes := kernel{isa: k}
		sizes.loadAbsMask()
		Label("next")
		sum, points := k.new(), k.new()
		VMOVUPS(Mem{Base: at}, sum)
		VMOVUPS(Mem{Base: column}, points)
		c.step(sum, points, x, sizes.absMask)
		VMOVUPS(sum, Mem{Base: at})
		ADDQ(Imm(uint64(k.bytes)), column)
		ADDQ(Imm(uint64(k.bytes)), at)
		CMPQ(at, end)
		JL(LabelRef("next"))
		VZEROUPPER()
		RET()
	}
}

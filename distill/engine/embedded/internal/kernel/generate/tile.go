package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of package kernel's tile.
const (
	tileX = 8 * iota
	tileTaps
	tileW
	tileStep
	tileBias
	tileAdd
	tileY
	tilePitch
	tileK
	tileLast
	tileClamp
	tileN
)

// tiles writes a function for each number of rows and of vectors of columns that registers can hold; more than two
// vectors only for so few rows that sums would have to wait for each other.
func (e *emitter) tiles() kernel {
	k := kernel{name: "tiles" + e.name, doc: "are for tiles by rows−1 and vectors−1.", argument: "tile"}
	for rows := 1; rows <= e.rows; rows++ {
		var names []string
		for vectors := 1; vectors <= 2 || vectors <= 4 && rows <= 2; vectors++ {
			name := fmt.Sprintf("tile%s_%dx%d", e.name, rows, vectors)
			e.tile(name, rows, vectors)
			names = append(names, name)
		}
		k.functions = append(k.functions, names)
	}
	return k
}

func (e *emitter) tile(name string, rows, vectors int) {
	a := e.begin(name)
	last := e.mask(a, tileLast)

	along, count := e.GP64(), e.field(a, tileN) // bytes from the first tile's first column
	e.XORQ(along, along)
	moved := func(offset int) reg.GPVirtual {
		p := e.field(a, offset)
		e.ADDQ(along, p)
		return p
	}
	sums := make([][]reg.VecVirtual, rows)
	for i := range sums {
		sums[i] = e.registers(vectors)
	}

	e.Label("tile")
	bias := e.field(a, tileBias)
	for i := range sums {
		e.VBROADCASTSS(operand.Mem{Base: bias, Disp: 4 * i}, sums[i][0])
		for _, s := range sums[i][1:] {
			e.VMOVAPS(sums[i][0], s)
		}
	}
	x, taps, k := moved(tileX), e.field(a, tileTaps), e.field(a, tileK)
	w, step := e.field(a, tileW), e.field(a, tileStep)
	e.TESTQ(k, k)
	e.JE(operand.LabelRef("add"))
	e.Label("products")
	at, xs, factor := e.GP64(), e.registers(vectors), e.register()
	e.MOVQ(operand.Mem{Base: taps}, at)
	for j, to := range xs {
		from := operand.Mem{Base: x, Index: at, Scale: 4, Disp: j * e.bytes()}
		if j == vectors-1 {
			e.load(last, from, to)
		} else {
			e.VMOVUPS(from, to)
		}
	}
	for i := range sums {
		e.VBROADCASTSS(operand.Mem{Base: w, Disp: 4 * i}, factor)
		for j, s := range sums[i] {
			e.VFMADD231PS(xs[j], factor, s)
		}
	}
	e.ADDQ(operand.Imm(8), taps)
	e.LEAQ(operand.Mem{Base: w, Index: step, Scale: 4}, w)
	e.DECQ(k)
	e.JNE(operand.LabelRef("products"))

	e.Label("add")
	pitch, term := e.field(a, tilePitch), e.register()
	added := e.field(a, tileAdd)
	e.TESTQ(added, added)
	e.JE(operand.LabelRef("clamp"))
	e.ADDQ(along, added)
	for i := range sums {
		for j, s := range sums[i] {
			from := operand.Mem{Base: added, Disp: j * e.bytes()}
			if j == vectors-1 {
				e.load(last, from, term)
				e.VADDPS(term, s, s)
			} else {
				e.VADDPS(from, s, s)
			}
		}
		e.LEAQ(operand.Mem{Base: added, Index: pitch, Scale: 4}, added)
	}

	e.Label("clamp")
	clamp, bound := e.field(a, tileClamp), e.register()
	e.TESTQ(clamp, clamp)
	e.JE(operand.LabelRef("store"))
	e.VBROADCASTSS(operand.Mem{Base: clamp}, bound)
	e.each(sums, func(s reg.VecVirtual) { e.VMAXPS(s, bound, s) }) // of NaN the first operand, s
	e.VBROADCASTSS(operand.Mem{Base: clamp, Disp: 4}, bound)
	e.each(sums, func(s reg.VecVirtual) { e.VMINPS(s, bound, s) })

	e.Label("store")
	store := func(last func(from reg.VecVirtual, to operand.Mem)) {
		y := moved(tileY)
		for i := range sums {
			for j, s := range sums[i] {
				to := operand.Mem{Base: y, Disp: j * e.bytes()}
				if j == vectors-1 {
					last(s, to)
				} else {
					e.VMOVUPS(s, to)
				}
			}
			e.LEAQ(operand.Mem{Base: y, Index: pitch, Scale: 4}, y)
		}
		e.ADDQ(operand.U32(vectors*e.bytes()), along)
		e.DECQ(count)
		e.JNE(operand.LabelRef("tile"))
		e.VZEROUPPER()
		e.RET()
	}
	if !e.wide() { // a masked store takes many times a store's time
		signs := e.GP32()
		e.VMOVMSKPS(last.lanes, signs)
		e.CMPL(signs, operand.U32(1<<e.lanes-1))
		e.JNE(operand.LabelRef("part"))
		store(func(s reg.VecVirtual, to operand.Mem) { e.VMOVUPS(s, to) })
		e.Label("part")
	}
	store(func(s reg.VecVirtual, to operand.Mem) { e.store(last, s, to) })
}

func (e *emitter) each(sums [][]reg.VecVirtual, f func(reg.VecVirtual)) {
	for _, row := range sums {
		for _, s := range row {
			f(s)
		}
	}
}

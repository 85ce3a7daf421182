package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of package kernel's dots.
const (
	dotsX = 8 * iota
	dotsTaps
	dotsD
	dotsPitch
	dotsN
	dotsLast
	dotsRuns
	dotsStepX
	dotsStepD
	dotsSum
	dotsSumPitch
)

// dots writes a function for each number of rows.
func (e *emitter) dots() kernel {
	var names []string
	for rows := 1; rows <= e.dotRows; rows++ {
		name := fmt.Sprintf("dots%s_%d", e.name, rows)
		e.dot(name, rows)
		names = append(names, name)
	}
	return kernel{name: "dots" + e.name, doc: "are by rows−1.", argument: "dots", functions: [][]string{names}}
}

func (e *emitter) dot(name string, rows int) {
	a := e.begin(name)
	last := e.mask(a, dotsLast)
	sums := make([][]reg.VecVirtual, rows)
	for i := range sums {
		sums[i] = e.registers(e.dotTaps)
		for _, s := range sums[i] {
			e.zero(s)
		}
	}

	ds := []reg.GPVirtual{e.field(a, dotsD)}
	pitch := e.field(a, dotsPitch)
	for range rows - 1 {
		d := e.GP64()
		e.LEAQ(operand.Mem{Base: ds[len(ds)-1], Index: pitch, Scale: 4}, d)
		ds = append(ds, d)
	}
	xs := make([]reg.GPVirtual, e.dotTaps)
	x, taps := e.field(a, dotsX), e.field(a, dotsTaps)
	for i := range xs {
		xs[i] = e.GP64()
		e.MOVQ(operand.Mem{Base: taps, Disp: 8 * i}, xs[i])
		e.LEAQ(operand.Mem{Base: x, Index: xs[i], Scale: 4}, xs[i])
	}

	at, n, runs := e.GP64(), e.GP64(), e.field(a, dotsRuns)
	dv, xv := e.registers(rows), e.register()
	products := func(load func(from operand.Mem, to reg.VecVirtual)) {
		for i, d := range ds {
			load(operand.Mem{Base: d, Index: at, Scale: 1}, dv[i])
		}
		for j, x := range xs {
			load(operand.Mem{Base: x, Index: at, Scale: 1}, xv)
			for i := range sums {
				e.VFMADD231PS(xv, dv[i], sums[i][j])
			}
		}
	}
	e.Label("run")
	e.XORQ(at, at)
	e.MOVQ(operand.Mem{Base: a, Disp: dotsN}, n)
	e.Label("products")
	e.DECQ(n)
	e.JLE(operand.LabelRef("last"))
	products(func(from operand.Mem, to reg.VecVirtual) { e.VMOVUPS(from, to) })
	e.ADDQ(operand.Imm(uint64(e.bytes())), at)
	e.JMP(operand.LabelRef("products"))
	e.Label("last")
	products(func(from operand.Mem, to reg.VecVirtual) { e.loadFreshly(last, from, to) })
	for _, p := range []struct {
		pointers []reg.GPVirtual
		step     int
	}{{xs, dotsStepX}, {ds, dotsStepD}} {
		e.MOVQ(operand.Mem{Base: a, Disp: p.step}, n)
		for _, r := range p.pointers {
			e.LEAQ(operand.Mem{Base: r, Index: n, Scale: 4}, r)
		}
	}
	e.DECQ(runs)
	e.JNE(operand.LabelRef("run"))

	out, outPitch := e.field(a, dotsSum), e.field(a, dotsSumPitch)
	for i := range sums {
		for j := 0; j < e.dotTaps; j += 4 {
			e.fold(sums[i][j:min(j+4, e.dotTaps)], operand.Mem{Base: out, Disp: 4 * j})
		}
		e.LEAQ(operand.Mem{Base: out, Index: outPitch, Scale: 4}, out)
	}
	e.VZEROUPPER()
	e.RET()
}

// fold adds the sums of two or four registers' lanes to as many numbers.
func (e *emitter) fold(v []reg.VecVirtual, to operand.Mem) {
	sum := e.folded(v[0], v[1], e.VUNPCKLPS, e.VUNPCKHPS) // of each 128 bits: halves of a, of b, of a, of b
	if len(v) == 4 {
		sum = e.folded(sum, e.folded(v[2], v[3], e.VUNPCKLPS, e.VUNPCKHPS), e.VUNPCKLPD, e.VUNPCKHPD) // a, b, c, d
	}
	y := sum
	if e.wide() {
		y = e.YMM()
		e.VEXTRACTF64X4(operand.Imm(1), sum, y)
		e.VADDPS(sum.AsY(), y, y)
	}
	x := e.XMM()
	e.VEXTRACTF128(operand.Imm(1), y, x)
	e.VADDPS(y.AsX(), x, x)
	if len(v) == 4 {
		e.VADDPS(to, x, x)
		e.VMOVUPS(x, to)
		return
	}
	before := e.XMM()
	e.VMOVHLPS(x, x, before)
	e.VADDPS(before, x, x)
	e.VMOVSD(to, before)
	e.VADDPS(before, x, x)
	e.VMOVSD(x, to)
}

// folded adds what two unpackings of a and b give.
func (e *emitter) folded(a, b reg.VecVirtual, low, high func(...operand.Op)) reg.VecVirtual {
	l, h := e.register(), e.register()
	low(b, a, l)
	high(b, a, h)
	e.VADDPS(h, l, l)
	return l
}

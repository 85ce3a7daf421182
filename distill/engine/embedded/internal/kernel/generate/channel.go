package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of package kernel's channel.
const (
	channelX = 8 * iota
	channelZ
	channelD
	channelY
	channelOut
	channelMore
	channelRuns
	channelStep
	channelStepX
	channelN
	channelTail
	channelLast
	channelNumbers // float32s
)

const (
	channelMean = channelNumbers + 4*iota
	channelScale
	channelShift
	channelShare
	channelLeast
	channelMost
	channelSum
	channelSquares
)

// vectors are what a pass over a channel's runs reads and writes.
type vectors struct {
	*emitter
	at   reg.GPVirtual
	last *mask // nil: a whole vector
}

func (v vectors) read(p reg.GPVirtual) reg.VecVirtual {
	r := v.register()
	from := operand.Mem{Base: p, Index: v.at, Scale: 1}
	if v.last != nil {
		v.load(*v.last, from, r)
	} else {
		v.VMOVUPS(from, r)
	}
	return r
}

func (v vectors) write(r reg.VecVirtual, p reg.GPVirtual) {
	to := operand.Mem{Base: p, Index: v.at, Scale: 1}
	if v.last != nil {
		v.store(*v.last, r, to)
	} else {
		v.VMOVUPS(r, to)
	}
}

// overRuns writes the loops of a pass: runs, step apart, of vectors. Pointers are fields.
func (e *emitter) overRuns(a reg.GPVirtual, fields []int, body func(v vectors, p []reg.GPVirtual)) {
	last := e.mask(a, channelLast)
	p := make([]reg.GPVirtual, len(fields))
	for i, f := range fields {
		p[i] = e.field(a, f)
	}
	runs, step, n, at := e.field(a, channelRuns), e.field(a, channelStep), e.GP64(), e.GP64()
	e.Label("run")
	e.XORQ(at, at)
	e.MOVQ(operand.Mem{Base: a, Disp: channelN}, n)
	e.TESTQ(n, n)
	e.JE(operand.LabelRef("tail"))
	e.Label("vector")
	body(vectors{e, at, nil}, p)
	e.ADDQ(operand.Imm(uint64(e.bytes())), at)
	e.DECQ(n)
	e.JNE(operand.LabelRef("vector"))
	e.Label("tail")
	e.CMPQ(operand.Mem{Base: a, Disp: channelTail}, operand.Imm(0))
	e.JE(operand.LabelRef("next"))
	body(vectors{e, at, &last}, p)
	e.Label("next")
	for i, r := range p {
		by := step
		if fields[i] == channelX {
			by = e.field(a, channelStepX)
		}
		e.LEAQ(operand.Mem{Base: r, Index: by, Scale: 4}, r)
	}
	e.DECQ(runs)
	e.JNE(operand.LabelRef("run"))
}

func (e *emitter) number(a reg.GPVirtual, offset int) reg.VecVirtual {
	r := e.register()
	e.VBROADCASTSS(operand.Mem{Base: a, Disp: offset}, r)
	return r
}

// there makes lanes that are not there zeros.
func (v vectors) there(r reg.VecVirtual) {
	switch {
	case v.last == nil:
	case v.wide():
		v.VMOVAPS_Z(r, v.last.bits, r)
	default:
		v.VANDPS(r, v.last.lanes, r)
	}
}

// Predicates of comparisons, which do not hold for NaN.
const (
	lessThan    = 0x11
	greaterThan = 0x1e
)

// keepWhere makes d zero but where y holds to a number.
func (e *emitter) keepWhere(d, y reg.VecVirtual, predicate uint64, number reg.VecVirtual) {
	if e.wide() {
		k := e.K()
		e.VCMPPS(operand.Imm(predicate), number, y, k)
		e.VMOVAPS_Z(d, k, d)
		return
	}
	m := e.YMM()
	e.VCMPPS(operand.Imm(predicate), number, y, m)
	e.VANDPS(d, m, d)
}

// passes writes the passes over a channel in the order of package kernel's constants.
func (e *emitter) passes() kernel {
	var names []string
	pass := func(name string, write func(a reg.GPVirtual)) {
		name += e.name
		names = append(names, name)
		write(e.begin(name))
		e.VZEROUPPER()
		e.RET()
	}
	pass("moments", e.moments)
	pass("normalise", func(a reg.GPVirtual) { e.normalise(a, false) })
	pass("normaliseSum", func(a reg.GPVirtual) { e.normalise(a, true) })
	pass("gradientSums", func(a reg.GPVirtual) { e.gradientSums(a, false) })
	pass("clampedGradientSums", func(a reg.GPVirtual) { e.gradientSums(a, true) })
	pass("gradient", func(a reg.GPVirtual) { e.gradient(a, false, false) })
	pass("clampedGradient", func(a reg.GPVirtual) { e.gradient(a, true, false) })
	pass("clampedGradients", func(a reg.GPVirtual) { e.gradient(a, true, true) })
	pass("clampGradient", e.clampGradient)
	return kernel{name: "passes" + e.name, doc: "are in the order of their constants.", argument: "channel",
		functions: [][]string{names}}
}

// sum gives the sum of a register's lanes as a field.
func (e *emitter) sum(r reg.VecVirtual, a reg.GPVirtual, offset int) {
	y := r
	if e.wide() {
		y = e.YMM()
		e.VEXTRACTF64X4(operand.Imm(1), r, y)
		e.VADDPS(r.AsY(), y, y)
	}
	x := e.XMM()
	e.VEXTRACTF128(operand.Imm(1), y, x)
	e.VADDPS(y.AsX(), x, x)
	e.VHADDPS(x, x, x)
	e.VHADDPS(x, x, x)
	e.VMOVSS(x, operand.Mem{Base: a, Disp: offset})
}

func (e *emitter) moments(a reg.GPVirtual) {
	mean, sum, squares := e.number(a, channelMean), e.register(), e.register()
	e.zero(sum)
	e.zero(squares)
	e.overRuns(a, []int{channelX}, func(v vectors, p []reg.GPVirtual) {
		d := v.read(p[0])
		e.VSUBPS(mean, d, d)
		v.there(d)
		e.VADDPS(d, sum, sum)
		e.VFMADD231PS(d, d, squares)
	})
	e.sum(sum, a, channelSum)
	e.sum(squares, a, channelSquares)
}

func (e *emitter) normalise(a reg.GPVirtual, term bool) {
	mean, scale, shift := e.number(a, channelMean), e.number(a, channelScale), e.number(a, channelShift)
	least, most := e.number(a, channelLeast), e.number(a, channelMost)
	e.overRuns(a, []int{channelX, channelOut, channelZ}, func(v vectors, p []reg.GPVirtual) {
		y := v.read(p[0])
		e.VSUBPS(mean, y, y)
		e.VFMADD213PS(shift, scale, y)
		if term {
			e.VADDPS(v.read(p[2]), y, y)
		}
		e.VMAXPS(y, least, y) // of NaN the first operand
		e.VMINPS(y, most, y)
		v.write(y, p[1])
	})
}

// clamped reads a gradient, zeros where the result was clamped.
func (v vectors) clamped(d, y reg.GPVirtual, clamped bool, least, most reg.VecVirtual) reg.VecVirtual {
	g := v.read(d)
	if clamped {
		y := v.read(y)
		v.keepWhere(g, y, greaterThan, least)
		v.keepWhere(g, y, lessThan, most)
	}
	return g
}

func (e *emitter) gradientSums(a reg.GPVirtual, clamped bool) {
	mean, least, most := e.number(a, channelMean), e.number(a, channelLeast), e.number(a, channelMost)
	sum, squares := e.register(), e.register()
	e.zero(sum)
	e.zero(squares)
	e.overRuns(a, []int{channelX, channelD, channelY}, func(v vectors, p []reg.GPVirtual) {
		g := v.clamped(p[1], p[2], clamped, least, most)
		x := v.read(p[0])
		e.VSUBPS(mean, x, x)
		e.VADDPS(g, sum, sum)
		e.VFMADD231PS(g, x, squares)
	})
	e.sum(sum, a, channelSum)
	e.sum(squares, a, channelSquares)
}

func (e *emitter) gradient(a reg.GPVirtual, clamped, both bool) {
	mean, scale, shift := e.number(a, channelMean), e.number(a, channelScale), e.number(a, channelShift)
	share, least, most := e.number(a, channelShare), e.number(a, channelLeast), e.number(a, channelMost)
	e.overRuns(a, []int{channelX, channelD, channelY, channelOut, channelMore}, func(v vectors, p []reg.GPVirtual) {
		g := v.clamped(p[1], p[2], clamped, least, most)
		x := v.read(p[0])
		e.VSUBPS(mean, x, x)
		e.VFMADD213PS(shift, share, x)
		if both {
			v.write(g, p[4])
		}
		e.VFMADD231PS(g, scale, x)
		v.write(x, p[3])
	})
}

func (e *emitter) clampGradient(a reg.GPVirtual) {
	least, most := e.number(a, channelLeast), e.number(a, channelMost)
	e.overRuns(a, []int{channelD, channelY, channelOut}, func(v vectors, p []reg.GPVirtual) {
		v.write(v.clamped(p[0], p[1], true, least, most), p[2])
	})
}

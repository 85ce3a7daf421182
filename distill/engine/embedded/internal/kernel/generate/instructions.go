package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// instructions is a set of vector instructions, and the extents of kernels that its registers hold.
type instructions struct {
	name             string
	lanes            int // float32s of a register
	rows             int // of the largest tile
	dotRows, dotTaps int // of the largest dots
}

var (
	avx512 = instructions{name: "AVX512", lanes: 16, rows: 12, dotRows: 4, dotTaps: 6}
	avx2   = instructions{name: "AVX2", lanes: 8, rows: 6, dotRows: 3, dotTaps: 4}
)

// emitter writes functions for one set of instructions.
type emitter struct {
	*build.Context
	instructions
}

// wide says whether registers have 512 bits, and masks.
func (e *emitter) wide() bool { return e.lanes == avx512.lanes }

// bytes of a register.
func (e *emitter) bytes() int { return 4 * e.lanes }

// begin starts func(a *T), without the prefix of its name's package, and gives a.
func (e *emitter) begin(name string) reg.GPVirtual {
	e.Function(name)
	e.Attributes(attr.NOSPLIT)
	e.SignatureExpr("func(a *byte)")
	return e.Load(e.Param("a"), e.GP64()).(reg.GPVirtual)
}

// field gives 64 bits of what a points to.
func (e *emitter) field(a reg.GPVirtual, offset int) reg.GPVirtual {
	r := e.GP64()
	e.MOVQ(operand.Mem{Base: a, Disp: offset}, r)
	return r
}

func (e *emitter) register() reg.VecVirtual {
	if e.wide() {
		return e.ZMM()
	}
	return e.YMM()
}

func (e *emitter) registers(n int) []reg.VecVirtual {
	all := make([]reg.VecVirtual, n)
	for i := range all {
		all[i] = e.register()
	}
	return all
}

func (e *emitter) zero(r reg.VecVirtual) {
	if e.wide() {
		e.VPXORD(r, r, r)
	} else {
		e.VXORPS(r, r, r)
	}
}

// mask says which lanes of a vector there are.
type mask struct {
	bits  reg.OpmaskVirtual // of AVX-512
	lanes reg.VecVirtual    // of AVX2, by their signs
	from  reg.GPVirtual     // what lanes were read from
}

// mask reads one: the field points to 32 bits per lane, all of them set or none.
func (e *emitter) mask(a reg.GPVirtual, offset int) (m mask) {
	m.from = e.field(a, offset)
	lanes := e.register()
	e.VMOVUPS(operand.Mem{Base: m.from}, lanes)
	if e.wide() {
		m.bits = e.K()
		e.VPTESTMD(lanes, lanes, m.bits)
		return m
	}
	m.lanes = lanes
	return m
}

// load gives zeros for lanes that are not there, whose memory is not touched.
func (e *emitter) load(m mask, from operand.Mem, to reg.VecVirtual) {
	if e.wide() {
		e.VMOVUPS_Z(from, m.bits, to)
	} else {
		e.VMASKMOVPS(from, m.lanes, to)
	}
}

// loadFreshly is load without a register that holds the mask.
func (e *emitter) loadFreshly(m mask, from operand.Mem, to reg.VecVirtual) {
	if e.wide() {
		e.load(m, from, to)
		return
	}
	e.VMOVUPS(operand.Mem{Base: m.from}, to)
	e.VMASKMOVPS(from, to, to)
}

func (e *emitter) store(m mask, from reg.VecVirtual, to operand.Mem) {
	if e.wide() {
		e.VMOVUPS(from, m.bits, to)
	} else {
		e.VMASKMOVPS(from, m.lanes, to)
	}
}

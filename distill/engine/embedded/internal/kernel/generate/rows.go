package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of package kernel's rowCopy.
const (
	rowsTo = 8 * iota
	rowsFrom
	rowsAt
	rowsN
	rowsVectors
	rowsToStep
	rowsFromStep
	rowsFirst
	rowsLast
	rowsFirstHigh
	rowsLastHigh
	rowsEven
	rowsBefore
	rowsAfter
	rowsChannels
	rowsToChannel
	rowsFromChannel
)

// copyRows writes the function that copies rows, of which the first and the last vector may be partly zeros.
func (e *emitter) copyRows() kernel {
	name := "copyRows" + e.name
	a := e.begin(name)
	first, last := e.mask(a, rowsFirst), e.mask(a, rowsLast)
	e.overRows(a, 1, func(from operand.Mem, edge int) reg.VecVirtual {
		v := e.register()
		switch edge {
		case firstVector:
			e.load(first, from, v)
		case lastVector:
			e.load(last, from, v)
		default:
			e.VMOVUPS(from, v)
		}
		return v
	})
	return kernel{name: name, doc: "copies rows.", argument: "rowCopy"}
}

// copyEvenRows writes that for every other element.
func (e *emitter) copyEvenRows() kernel {
	name := "copyEvenRows" + e.name
	a := e.begin(name)
	first, firstHigh := e.mask(a, rowsFirst), e.mask(a, rowsFirstHigh)
	last, lastHigh := e.mask(a, rowsLast), e.mask(a, rowsLastHigh)
	even := e.register()
	if e.wide() {
		e.VMOVUPS(operand.Mem{Base: e.field(a, rowsEven)}, even)
	}
	e.overRows(a, 2, func(from operand.Mem, edge int) reg.VecVirtual {
		low, high := e.register(), e.register()
		above := from
		above.Disp = e.bytes()
		switch edge {
		case firstVector:
			e.load(first, from, low)
			e.load(firstHigh, above, high)
		case lastVector:
			e.load(last, from, low)
			e.load(lastHigh, above, high)
		default:
			e.VMOVUPS(from, low)
			e.VMOVUPS(above, high)
		}
		if e.wide() {
			e.VPERMT2PS(high, even, low)
		} else {
			e.VSHUFPS(operand.Imm(0x88), high, low, low) // of each 128 bits, two of low and two of high
			e.VPERMPD(operand.Imm(0xd8), low, low)
		}
		return low
	})
	return kernel{name: name, doc: "copies every other element of rows.", argument: "rowCopy"}
}

const (
	middleVector = iota
	firstVector
	lastVector
)

// overRows writes the loops over channels, rows and vectors, each of which takes so many of what is read.
func (e *emitter) overRows(a reg.GPVirtual, stride int, read func(from operand.Mem, edge int) reg.VecVirtual) {
	firstTo, firstFrom, channels := e.field(a, rowsTo), e.field(a, rowsFrom), e.field(a, rowsChannels)
	start := e.field(a, rowsAt)
	e.LEAQ(operand.Mem{Base: firstFrom, Index: start, Scale: 4}, firstFrom)
	to, from, rows, step := e.GP64(), e.GP64(), e.GP64(), e.GP64()
	at, n, zeros := e.GP64(), e.GP64(), e.register()
	e.zero(zeros)
	move := func(edge int) {
		v := read(operand.Mem{Base: from, Index: at, Scale: uint8(stride)}, edge)
		e.VMOVUPS(v, operand.Mem{Base: to, Index: at, Scale: 1})
		e.ADDQ(operand.Imm(uint64(e.bytes())), at)
	}
	get := func(field int, into reg.GPVirtual) { e.MOVQ(operand.Mem{Base: a, Disp: field}, into) }
	next := func(field int, p reg.GPVirtual) {
		get(field, step)
		e.LEAQ(operand.Mem{Base: p, Index: step, Scale: 4}, p)
	}
	clear := func(field int, name string) {
		get(field, rows)
		e.TESTQ(rows, rows)
		e.JE(operand.LabelRef(name + "done"))
		e.Label(name)
		e.XORQ(at, at)
		get(rowsVectors, n)
		e.Label(name + "vector")
		e.VMOVUPS(zeros, operand.Mem{Base: to, Index: at, Scale: 1})
		e.ADDQ(operand.Imm(uint64(e.bytes())), at)
		e.DECQ(n)
		e.JNE(operand.LabelRef(name + "vector"))
		next(rowsToStep, to)
		e.DECQ(rows)
		e.JNE(operand.LabelRef(name))
		e.Label(name + "done")
	}

	e.Label("channel")
	e.MOVQ(firstTo, to)
	e.MOVQ(firstFrom, from)
	clear(rowsBefore, "before")
	get(rowsN, rows)
	e.TESTQ(rows, rows)
	e.JE(operand.LabelRef("behind"))
	e.Label("row")
	e.XORQ(at, at)
	get(rowsVectors, n)
	move(firstVector)
	e.DECQ(n)
	e.JE(operand.LabelRef("next"))
	e.Label("middle")
	e.DECQ(n)
	e.JE(operand.LabelRef("last"))
	move(middleVector)
	e.JMP(operand.LabelRef("middle"))
	e.Label("last")
	move(lastVector)
	e.Label("next")
	next(rowsToStep, to)
	next(rowsFromStep, from)
	e.DECQ(rows)
	e.JNE(operand.LabelRef("row"))
	e.Label("behind")
	clear(rowsAfter, "after")
	next(rowsToChannel, firstTo)
	next(rowsFromChannel, firstFrom)
	e.DECQ(channels)
	e.JNE(operand.LabelRef("channel"))
	e.VZEROUPPER()
	e.RET()
}

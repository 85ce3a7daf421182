package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of package kernel's patchTransform.
const (
	patchesFrom = 8 * iota
	patchesTo
	patchesN
	patchesColumn
	patchesPhase
	patchesRow
	patchesStep
)

// four addresses: base, and one, two and three steps of bytes from there.
type four struct{ base, step, three reg.GPVirtual }

func (e *emitter) four(base, step reg.GPVirtual) four {
	three := e.GP64()
	e.LEAQ(operand.Mem{Base: step, Index: step, Scale: 2}, three)
	return four{base, step, three}
}

func (f four) at(base reg.GPVirtual, i int) operand.Mem {
	switch i {
	case 0:
		return operand.Mem{Base: base}
	case 3:
		return operand.Mem{Base: base, Index: f.three, Scale: 1}
	}
	return operand.Mem{Base: base, Index: f.step, Scale: uint8(i)}
}

// bytesOf is a field that counts float32s, in bytes.
func (e *emitter) bytesOf(a reg.GPVirtual, offset int) reg.GPVirtual {
	r := e.field(a, offset)
	e.SHLQ(operand.Imm(2), r)
	return r
}

// patches writes Bᵀ·d·B of Winograd's F(2×2,3×3) for 4×4 patches d, a vector of patches at a time.
func (e *emitter) patches() kernel {
	name := "patches" + e.name
	a := e.begin(name)
	column := e.bytesOf(a, patchesColumn)
	rows := []reg.GPVirtual{e.field(a, patchesFrom), e.GP64(), e.GP64(), e.GP64()}
	phase, row := e.bytesOf(a, patchesPhase), e.bytesOf(a, patchesRow)
	e.LEAQ(operand.Mem{Base: rows[0], Index: phase, Scale: 1}, rows[1])
	e.LEAQ(operand.Mem{Base: rows[0], Index: row, Scale: 1}, rows[2])
	e.LEAQ(operand.Mem{Base: rows[1], Index: row, Scale: 1}, rows[3])
	in := e.four(rows[0], column)
	to, step, n := e.field(a, patchesTo), e.bytesOf(a, patchesStep), e.field(a, patchesN)
	out := e.four(to, step)
	back := e.behind(step)
	d := func(i, j int) operand.Mem { return in.at(rows[i], j) }

	e.Label("patches")
	for i := range 4 {
		t := e.registers(4)
		for j := range t {
			switch i {
			case 0:
				e.VMOVUPS(d(0, j), t[j])
				e.VSUBPS(d(2, j), t[j], t[j])
			case 1:
				e.VMOVUPS(d(1, j), t[j])
				e.VADDPS(d(2, j), t[j], t[j])
			case 2:
				e.VMOVUPS(d(2, j), t[j])
				e.VSUBPS(d(1, j), t[j], t[j])
			case 3:
				e.VMOVUPS(d(1, j), t[j])
				e.VSUBPS(d(3, j), t[j], t[j])
			}
		}
		v := e.registers(4)
		e.VSUBPS(t[2], t[0], v[0])
		e.VADDPS(t[2], t[1], v[1])
		e.VSUBPS(t[1], t[2], v[2])
		e.VSUBPS(t[3], t[1], v[3])
		for j := range v {
			e.VMOVUPS(v[j], out.at(to, j))
		}
		e.LEAQ(operand.Mem{Base: to, Index: step, Scale: 4}, to)
	}
	e.SUBQ(back, to)
	for _, r := range rows {
		e.ADDQ(operand.Imm(uint64(e.bytes())), r)
	}
	e.DECQ(n)
	e.JNE(operand.LabelRef("patches"))
	e.VZEROUPPER()
	e.RET()
	return kernel{name: name, doc: "transforms patches.", argument: "patchTransform"}
}

// results writes Aᵀ·m·A of F(2×2,3×3): the 2×2 results of each patch, upper and lower rows apart from each other.
func (e *emitter) results() kernel {
	name := "results" + e.name
	a := e.begin(name)
	from, n := e.field(a, patchesFrom), e.field(a, patchesN)
	step := e.bytesOf(a, patchesStep)
	in := e.four(from, step)
	to := e.field(a, patchesTo)
	below := e.bytesOf(a, patchesRow)
	back := e.behind(step)

	e.Label("results")
	// s[i][j] = Σ over rows of m, as they come
	s := [2][]reg.VecVirtual{e.registers(4), e.registers(4)}
	for row := range 4 {
		for j := range 4 {
			m := in.at(from, j)
			switch row {
			case 0:
				e.VMOVUPS(m, s[0][j])
			case 1:
				e.VMOVUPS(m, s[1][j])
				e.VADDPS(s[1][j], s[0][j], s[0][j])
			case 2:
				v := e.register()
				e.VMOVUPS(m, v)
				e.VADDPS(v, s[0][j], s[0][j])
				e.VSUBPS(v, s[1][j], s[1][j])
			case 3:
				e.VSUBPS(m, s[1][j], s[1][j])
			}
		}
		e.LEAQ(operand.Mem{Base: from, Index: step, Scale: 4}, from)
	}
	e.SUBQ(back, from)
	for i := range s {
		left, right := s[i][0], s[i][3]
		e.VADDPS(s[i][1], left, left)
		e.VADDPS(s[i][2], left, left)
		e.VSUBPS(right, s[i][1], right)
		e.VSUBPS(s[i][2], right, right)
		first, second := e.interleave(left, right)
		at := operand.Mem{Base: to}
		if i == 1 {
			at = operand.Mem{Base: to, Index: below, Scale: 1}
		}
		e.VMOVUPS(first, at)
		at.Disp = e.bytes()
		e.VMOVUPS(second, at)
	}
	e.ADDQ(operand.Imm(uint64(2*e.bytes())), to)
	e.DECQ(n)
	e.JNE(operand.LabelRef("results"))
	e.VZEROUPPER()
	e.RET()
	return kernel{name: name, doc: "transforms results.", argument: "patchTransform"}
}

// interleave takes a lane of each in turn.
func (e *emitter) interleave(a, b reg.VecVirtual) (first, second reg.VecVirtual) {
	low, high := e.register(), e.register()
	e.VUNPCKLPS(b, a, low) // of each 128 bits, the first two
	e.VUNPCKHPS(b, a, high)
	first, second = e.register(), e.register()
	if !e.wide() {
		e.VPERM2F128(operand.Imm(0x20), high, low, first)
		e.VPERM2F128(operand.Imm(0x31), high, low, second)
		return first, second
	}
	// low has quarters 0, 2, 4, 6 of the result, high 1, 3, 5, 7.
	x, y := e.register(), e.register()
	e.VSHUFF64X2(operand.Imm(0x44), high, low, x) // 0 2 1 3
	e.VSHUFF64X2(operand.Imm(0xee), high, low, y) // 4 6 5 7
	e.VSHUFF64X2(operand.Imm(0xd8), x, x, first)  // 0 1 2 3
	e.VSHUFF64X2(operand.Imm(0xd8), y, y, second)
	return first, second
}

// gradientPatches writes A·d·Aᵀ of F(2×2,3×3) for 2×2 patches d of a gradient, a vector of patches at a time.
func (e *emitter) gradientPatches() kernel {
	name := "gradientPatches" + e.name
	a := e.begin(name)
	from, column, phase := e.field(a, patchesFrom), e.bytesOf(a, patchesColumn), e.bytesOf(a, patchesPhase)
	below := e.GP64()
	e.LEAQ(operand.Mem{Base: from, Index: phase, Scale: 1}, below)
	to, step, n := e.field(a, patchesTo), e.bytesOf(a, patchesStep), e.field(a, patchesN)
	out := e.four(to, step)
	back := e.behind(step)
	zero := e.register()
	e.zero(zero)

	e.Label("patches")
	upper, lower := e.registers(2), e.registers(2)
	e.VMOVUPS(operand.Mem{Base: from}, upper[0])
	e.VMOVUPS(operand.Mem{Base: from, Index: column, Scale: 1}, upper[1])
	e.VMOVUPS(operand.Mem{Base: below}, lower[0])
	e.VMOVUPS(operand.Mem{Base: below, Index: column, Scale: 1}, lower[1])
	for i := range 4 {
		t := e.registers(2)
		for j := range t {
			switch i {
			case 0:
				t[j] = upper[j]
			case 1:
				e.VADDPS(lower[j], upper[j], t[j])
			case 2:
				e.VSUBPS(lower[j], upper[j], t[j])
			case 3:
				e.VSUBPS(lower[j], zero, t[j])
			}
		}
		sum, difference, opposite := e.register(), e.register(), e.register()
		e.VADDPS(t[1], t[0], sum)
		e.VSUBPS(t[1], t[0], difference)
		e.VSUBPS(t[1], zero, opposite)
		for j, v := range []reg.VecVirtual{t[0], sum, difference, opposite} {
			e.VMOVUPS(v, out.at(to, j))
		}
		e.LEAQ(operand.Mem{Base: to, Index: step, Scale: 4}, to)
	}
	e.SUBQ(back, to)
	for _, r := range []reg.GPVirtual{from, below} {
		e.ADDQ(operand.U32(e.bytes()), r)
	}
	e.DECQ(n)
	e.JNE(operand.LabelRef("patches"))
	e.VZEROUPPER()
	e.RET()
	return kernel{name: name, doc: "transforms patches of a gradient.", argument: "patchTransform"}
}

// behind is how far 16 steps of bytes lie behind the next vector.
func (e *emitter) behind(step reg.GPVirtual) reg.GPVirtual {
	r := e.GP64()
	e.MOVQ(step, r)
	e.SHLQ(operand.Imm(4), r)
	e.SUBQ(operand.U32(e.bytes()), r)
	return r
}

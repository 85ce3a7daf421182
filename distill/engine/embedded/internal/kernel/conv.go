package kernel

// ConvShape says which 2-D convolution: x [N,C,H,W] with w [O,C/Groups,KH,KW] gives y [N,O,OH,OW]. Output (oh,ow)
// reads, for kernel offset (kh,kw), position (oh·SH + kh·DH − PT, ow·SW + kw·DW − PL); positions outside of x are
// zeros.
type ConvShape struct {
	N, C, H, W int
	O, OH, OW  int
	Groups     int
	KH, KW     int
	SH, SW     int // strides
	DH, DW     int // dilations
	PT, PL     int // padding at the top and at the left; what lies below and to the right follows from OH and OW
}

// Conv is a convolution and its gradients.
type Conv struct {
	ConvShape
	c, o, k int // input channels, output channels and kernel offsets of a group

	image   frame   // of x, for one group
	forward patches // of image
	rows    []int   // 0, 1, 2, …: the elements of a row of w, or the positions of a plane of y

	gradient frame     // of dy, for one group
	residues []residue // of dx

	weight weightGradient
}

// NewConv prepares a convolution.
func NewConv(s ConvShape) *Conv {
	cv := &Conv{ConvShape: s, c: s.C / s.Groups, o: s.O / s.Groups, k: s.KH * s.KW}
	offH, offW := multiples(s.KH, s.DH), multiples(s.KW, s.DW)
	cv.image = newFrame(s.H, s.W, s.SH, s.SW, s.PT, s.PL, s.OH, s.OW, offH, offW)
	taps := make([]int, 0, cv.c*cv.k)
	for ch := range cv.c {
		for _, oh := range offH {
			for _, ow := range offW {
				taps = append(taps, ch*cv.image.plane()+cv.image.at(oh, ow))
			}
		}
	}
	cv.forward = newPatches(s.OH, s.OW, cv.image.cols, taps)
	cv.image.setDirect(&cv.forward)
	cv.rows = multiples(len(taps), 1)
	cv.planResidues(offH, offW)
	cv.planWeightGradient()
	return cv
}

// multiples lists 0, step, 2·step, …, n of them.
func multiples(n, step int) []int {
	m := make([]int, n)
	for i := range m {
		m[i] = i * step
	}
	return m
}

// fewTasks is the number of tasks below which a kernel is cut finer than by samples and groups.
const fewTasks = 8

// Forward computes y = x ∗ w + bias; bias may be nil.
func (cv *Conv) Forward(team *Team, y, x, w, bias []float32) {
	plane := cv.OH * cv.OW
	step := cv.c * cv.k
	parts := blocks(cv.o, cv.N*cv.Groups)
	team.Do(cv.N*cv.Groups*parts.n, func(s *Scratch, task int) {
		part, group, n := task%parts.n, task/parts.n%cv.Groups, task/parts.n/cv.Groups
		img := cv.image.framed(s, 0, x[(n*cv.C+group*cv.c)*cv.H*cv.W:], cv.c)
		from, to := parts.of(part)
		from, to = group*cv.o+from, group*cv.o+to
		out := y[(n*cv.O+from)*plane : (n*cv.O+to)*plane]
		for o := from; o < to; o++ {
			row := out[(o-from)*plane:][:plane]
			if bias == nil {
				clear(row)
			} else {
				fill(row, bias[o])
			}
		}
		cv.forward.multiply(out, plane, w[from*step:], to-from, step, cv.rows, img)
	})
}

// parting cuts rows into n runs of size rows.
type parting struct{ n, size, rows int }

// blocks cuts rows of output into multiples of a tile, several where there are few tasks otherwise.
func blocks(rows, tasks int) parting {
	n := 1
	if tasks < fewTasks {
		n = min(ceilDiv(fewTasks, max(1, tasks)), ceilDiv(rows, tileRows))
	}
	size := ceilDiv(ceilDiv(rows, n), tileRows) * tileRows
	return parting{ceilDiv(rows, size), size, rows}
}

func (p parting) of(i int) (from, to int) { return i * p.size, min(p.rows, (i+1)*p.size) }

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}

// residue is the part of dx at positions that are equal modulo the strides: a convolution of dy, at stride 1, with
// the kernel offsets that reach them.
type residue struct {
	patches
	weights    []int // offset of each tap in w, from that of the group's first weight
	h, w       int   // first row and column of dx
	rows, cols int
}

// planResidues: dx(u − PT) = Σ w(kh)·dy(oh) over kh·DH + oh·SH = u. With u = q·SH + r and kh·DH = e·SH + r that is oh
// = q − e.
func (cv *Conv) planResidues(offH, offW []int) {
	h := axisResidues(cv.H, cv.PT, cv.SH, offH)
	w := axisResidues(cv.W, cv.PL, cv.SW, offW)
	top, rows := extentOf(h)
	left, cols := extentOf(w)
	cv.gradient = frame{h: cv.OH, w: cv.OW, sh: 1, sw: 1, top: top, left: left, ph: []int{0}, pw: []int{0}, rows: rows,
		cols: cols}
	plane := cv.gradient.plane()
	for _, rh := range h {
		for _, rw := range w {
			r := residue{h: rh.first, w: rw.first, rows: rh.n, cols: rw.n}
			r.patches = newPatches(r.rows, r.cols, cols, nil)
			for o := range cv.o {
				for i, kh := range rh.kernel {
					for j, kw := range rw.kernel {
						r.taps = append(r.taps, o*plane+(rh.from[i]+top)*cols+rw.from[j]+left)
						r.weights = append(r.weights, (o*cv.c*cv.KH+kh)*cv.KW+kw)
					}
				}
			}
			cv.residues = append(cv.residues, r)
		}
	}
	grids := make([]*patches, len(cv.residues))
	for i := range grids {
		grids[i] = &cv.residues[i].patches
	}
	cv.gradient.setDirect(grids...)
}

// axisResidue is one axis of a residue: n positions from first on, stride apart, and for each kernel offset that
// reaches them the position of dy that it takes for the first.
type axisResidue struct {
	first, n     int
	kernel, from []int
}

func axisResidues(extent, pad, stride int, off []int) []axisResidue {
	var all []axisResidue
	for first := range min(stride, extent) {
		r := axisResidue{first: first, n: ceilDiv(extent-first, stride)}
		for k, o := range off {
			if d := first + pad - o; d%stride == 0 {
				r.kernel = append(r.kernel, k)
				r.from = append(r.from, d/stride)
			}
		}
		all = append(all, r)
	}
	return all
}

// extentOf gives how far an axis reaches before dy, and how many positions it spans from there.
func extentOf(all []axisResidue) (before, n int) {
	for _, r := range all {
		for _, f := range r.from {
			before = max(before, -f)
		}
	}
	for _, r := range all {
		for _, f := range r.from {
			n = max(n, f+r.n+before)
		}
	}
	return before, n
}

// GradInput computes dx from dy.
func (cv *Conv) GradInput(team *Team, dx, dy, w []float32) {
	plane := cv.H * cv.W
	parts := blocks(cv.c, cv.N*cv.Groups)
	team.Do(cv.N*cv.Groups*parts.n, func(s *Scratch, task int) {
		part, group, n := task%parts.n, task/parts.n%cv.Groups, task/parts.n/cv.Groups
		img := cv.gradient.framed(s, 0, dy[(n*cv.O+group*cv.o)*cv.OH*cv.OW:], cv.o)
		from, to := parts.of(part)
		out := dx[(n*cv.C+group*cv.c+from)*plane:][:(to-from)*plane]
		weights := w[group*cv.o*cv.c*cv.k+from*cv.k:]
		if cv.SH == 1 && cv.SW == 1 {
			clear(out)
			cv.residues[0].multiply(out, plane, weights, to-from, cv.k, cv.residues[0].weights, img)
			return
		}
		for i := range cv.residues {
			r := &cv.residues[i]
			grid := r.rows * r.cols
			sums := s.Floats(1, (to-from)*grid)
			clear(sums)
			r.multiply(sums, grid, weights, to-from, cv.k, r.weights, img)
			for ch := range to - from {
				for row := range r.rows {
					src := sums[ch*grid+row*r.cols:][:r.cols]
					dst := out[ch*plane+(r.h+row*cv.SH)*cv.W+r.w:]
					for j, v := range src {
						dst[j*cv.SW] = v
					}
				}
			}
		}
	})
}

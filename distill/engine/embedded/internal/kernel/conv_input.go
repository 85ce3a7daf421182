package kernel

// residue is the part of dx at positions that are equal modulo the strides: a convolution of dy, at stride 1, with
// the kernel offsets that reach them.
type residue struct {
	filter
	at         []int // what each tap reads of dy's frame
	h, w       int   // first row and column of dx
	rows, cols int
}

// planResidues: dx(u − PT) = Σ w(kh)·dy(oh) over kh·DH + oh·SH = u. With u = q·SH + r and kh·DH = e·SH + r that is oh
// = q − e.
func (cv *Conv) planResidues(offH, offW []int) {
	h := axisResidues(cv.H, cv.PT, cv.SH, offH)
	w := axisResidues(cv.W, cv.PL, cv.SW, offW)
	top, offsetsH, rows := reach(h)
	left, offsetsW, cols := reach(w)
	for _, rh := range h {
		for _, rw := range w {
			r := residue{h: rh.first, w: rw.first, rows: rh.n, cols: rw.n}
			var taps []int
			for o := range cv.o {
				for _, kh := range rh.kernel {
					for _, kw := range rw.kernel {
						taps = append(taps, (o*cv.c*cv.KH+kh)*cv.KW+kw)
					}
				}
			}
			r.filter = newFilter(cv.by, cv.Groups, cv.c, taps, cv.k, cv.o*cv.c*cv.k)
			cv.residues = append(cv.residues, r)
		}
	}
	cv.backward = cv.cut(rows, cols, cv.residues[0].filter, func(strip int) int {
		cv.gradient = newFrame(cv.by, cv.OH, cv.OW, 1, 1, top, left, strip, rows, cols, offsetsH, offsetsW)
		return cv.o * cv.gradient.read(strip)
	})
	i := 0
	for _, rh := range h {
		for _, rw := range w {
			for o := range cv.o {
				for _, oh := range rh.from {
					for _, ow := range rw.from {
						cv.residues[i].at = append(cv.residues[i].at, o*cv.gradient.plane()+cv.gradient.at(oh+top, ow+left))
					}
				}
			}
			i++
		}
	}
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

// reach gives how far residues reach before dy, which positions they take from there, and how many they have at most.
func reach(all []axisResidue) (before int, offsets []int, n int) {
	for _, r := range all {
		n = max(n, r.n)
		for _, f := range r.from {
			before = max(before, -f)
		}
	}
	for _, r := range all {
		for _, f := range r.from {
			offsets = append(offsets, f+before)
		}
	}
	return before, offsets, n
}

// turned is the filter of dx where the convolution is of 3×3 at stride 1: its weights in reverse, for each channel of
// dy.
func (cv *Conv) turned() filter {
	var taps []int
	for o := range cv.o {
		for k := range cv.k {
			taps = append(taps, o*cv.c*cv.k+cv.k-1-k)
		}
	}
	return newFilter(cv.by, cv.Groups, cv.c, taps, cv.k, cv.o*cv.c*cv.k)
}

// GradInput computes dx from dy, and adds add, which may be nil, or dx. It uses the team's workspace.
func (cv *Conv) GradInput(team *Team, dx, dy, w, add []float32) {
	if z := cv.minimalBack; z != nil {
		packed := team.Workspace(z.len())
		z.pack(team, packed, w)
		to := plane{y: dx, pitch: cv.H * cv.W, add: add}
		team.Do(z.tasks(cv.N), func(s *Scratch, task int) {
			z.compute(s, task, cv.N, packed, dy, cv.O*cv.OH*cv.OW, cv.o*cv.OH*cv.OW, to, cv.C*to.pitch, cv.c*to.pitch)
		})
		return
	}
	total := 0
	for i := range cv.residues {
		total += cv.residues[i].len()
	}
	rest := team.Workspace(total)
	packed := make([][]float32, len(cv.residues))
	for i := range cv.residues {
		r := &cv.residues[i]
		packed[i], rest = rest[:r.len()], rest[r.len():]
		r.pack(team, packed[i], w)
	}
	size := cv.H * cv.W
	cv.do(team, cv.backward, func(s *Scratch, n, first, end, strip, part int) {
		from, to := cv.backward.strips.of(strip)
		img := cv.gradient.of(s, 0, dy[(n*cv.O+first*cv.o)*cv.OH*cv.OW:], (end-first)*cv.o, from)
		for group := first; group < end; group++ {
			begin := (n*cv.C + group*cv.c) * size
			out := plane{y: dx[begin:][:cv.c*size], pitch: size, pixels: (to - from) * cv.W}
			if add != nil {
				out.add = add[begin:][:cv.c*size]
			}
			for i := range cv.residues {
				cv.gradInput(s, i, packed[i], group, part, from, to, img[(group-first)*cv.o*cv.gradient.plane():], out)
			}
		}
	})
}

// gradInput computes a strip of a residue, and brings it to its positions in dx.
func (cv *Conv) gradInput(
	s *Scratch, residue int, packed []float32, group, part, from, to int, img []float32, dx plane,
) {
	r := &cv.residues[residue]
	if len(cv.residues) == 1 { // its positions are all there are
		dx.y = dx.y[from*cv.W:]
		if dx.add != nil {
			dx.add = dx.add[from*cv.W:]
		}
		r.multiply(s, dx, packed, group, cv.backward.parts, part, img, r.at)
		return
	}
	to = min(to, r.rows)
	grid := (to - from) * cv.gradient.outW
	if grid <= 0 {
		return
	}
	sums := s.Floats(1, cv.c*grid)
	p := plane{y: sums, pitch: grid, pixels: grid}
	r.multiply(s, p, packed, group, cv.backward.parts, part, img, r.at)
	first, last := cv.backward.parts.of(part)
	low, _ := r.blocks.of(first)
	_, high := r.blocks.of(last - 1)
	for ch := low; ch < high; ch++ {
		for row := range to - from {
			src := sums[ch*grid+row*cv.gradient.outW:][:r.cols]
			at := ch*dx.pitch + (r.h+(from+row)*cv.SH)*cv.W + r.w
			if dx.add != nil {
				for j := range src {
					src[j] += dx.add[at+j*cv.SW]
				}
			}
			dst := dx.y[at:]
			for j, v := range src {
				dst[j*cv.SW] = v
			}
		}
	}
}

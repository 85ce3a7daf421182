package kernel

import "github.com/viterin/vek/vek32"

// The gradient of the weights by the same transforms, turned round: with V = Bᵀ·d·B of patches d of x and W = A·δ·Aᵀ of
// the 2×2 patches δ of dy, dg = Gᵀ·(Σ W ∘ V)·G, the sum being over patches and samples. For each of the 16 places that
// is a product of matrices [rows,patches] and [patches,c].
type winogradWeight struct {
	*winograd
	gradient frame // of dy
	chunks   parting
}

// manyPatches is how many patches are summed at a time, so that few sums are folded.
const manyPatches = 256

// newWinogradWeight is for the weights of a convolution z; nil where they are too many for sums of several chunks.
func newWinogradWeight(n, h, w, top, left int, z *winograd) *winogradWeight {
	most := chunkElements / (places * z.filter.groups * z.rows * z.in)
	if most < fewTasks {
		return nil
	}
	own := *z
	g := &winogradWeight{winograd: &own, chunks: inParts(n, min(maxChunks, n, most))}
	patchRows, patchCols := ceilDiv(z.outH, 2), ceilDiv(z.outW, 2)
	strip := min(patchRows, ceilDiv(manyPatches, patchCols))
	g.strips = parting{ceilDiv(patchRows, strip), strip, patchRows}
	g.samples = min(g.chunks.size, max(1, manyPatches/(patchRows*patchCols)))
	own.image = newFrame(z.by, h, w, 2, 2, top, left, strip, patchRows, patchCols, multiples(4, 1), multiples(4, 1))
	g.gradient = newFrame(z.by, z.outH, z.outW, 2, 2, 0, 0, strip, patchRows, patchCols, multiples(2, 1), multiples(2, 1))
	g.width = g.samples*strip*patchCols + spill
	g.taps = multiples(z.in, g.width)
	return g
}

// compute gives dw from x, [N,groups,in,…], and dy, [N,groups,rows,…]. It uses the team's workspace.
func (g *winogradWeight) compute(team *Team, dw, dy, x []float32) {
	groups, plane := g.filter.groups, g.rows*g.in
	size := places * plane
	partial := team.Workspace(g.chunks.n * groups * size)
	team.Do(g.chunks.n*groups, func(s *Scratch, task int) {
		g.sum(s, partial[task*size:][:size], dy, x, task%groups, task/groups)
	})
	team.Split(groups*plane, 1<<8, func(_ *Scratch, from, to int) {
		for at := from; at < to; {
			group := at / plane
			end := min(to, (group+1)*plane)
			g.finish(dw, partial, group, at-group*plane, end-group*plane)
			at = end
		}
	})
}

// sum adds up a chunk of samples: [place,row,channel].
func (g *winogradWeight) sum(s *Scratch, sums, dy, x []float32, group, chunk int) {
	clear(sums)
	xPlane, dPlane := g.image.h*g.image.w, g.outH*g.outW
	v, w := s.Floats(1, places*g.in*g.width), s.Floats(2, places*g.rows*g.width)
	first, last := g.chunks.of(chunk)
	for n := first; n < last; n += g.samples {
		samples := min(g.samples, last-n)
		for strip := range g.strips.n {
			from, to := g.strips.of(strip)
			patches := (to - from) * g.image.outW
			for i := range samples {
				at := (n+i)*g.filter.groups + group
				g.transform(s, v, x[at*g.in*xPlane:], &g.image, g.in, from, patches, i, g.by.transformPatches)
				g.transform(s, w, dy[at*g.rows*dPlane:], &g.gradient, g.rows, from, patches, i, g.by.transformGradient)
			}
			t := &s.dots
			t.pitch, t.runs, t.sumPitch = g.width, 1, g.in
			for place := range places {
				t.x = &v[place*g.in*g.width]
				g.by.sumAll(t, sums[place*g.rows*g.in:], w[place*g.rows*g.width:], g.rows, samples*patches, g.taps)
			}
		}
	}
}

// transform makes a sample's patches of each of c channels.
func (g *winogradWeight) transform(s *Scratch, dst, x []float32, f *frame, c, first, patches, sample int,
	transform func(p *patchTransform, patches int)) {
	img := f.of(s, 0, x, c, first)
	p := &s.patches
	*p = patchTransform{n: ceilDiv(patches, g.by.lanes), column: len(f.phases) * f.rows * f.outW, phase: f.rows * f.outW,
		row: f.outW, step: c * g.width}
	for ch := range c {
		p.from, p.to = &img[ch*f.plane()], &dst[ch*g.width+sample*patches]
		transform(p, patches)
	}
}

// finish adds up chunks and transforms sums [from,to) of a group's [row,channel].
func (g *winogradWeight) finish(dw, partial []float32, group, from, to int) {
	plane := g.rows * g.in
	size, step := places*plane, g.filter.groups*places*plane
	var all [places][]float32
	for place := range all {
		at := group*size + place*plane
		all[place] = partial[at+from : at+to]
		for chunk := 1; chunk < g.chunks.n; chunk++ {
			vek32.Add_Inplace(all[place], partial[chunk*step+at+from:chunk*step+at+to])
		}
	}
	for i := range to - from {
		var t [3][4]float32
		for j := range 4 {
			a, b, c, d := all[j][i], all[4+j][i], all[8+j][i], all[12+j][i]
			t[0][j], t[1][j], t[2][j] = a+(b+c)/2, (b-c)/2, (b+c)/2+d
		}
		out := dw[(group*plane+from+i)*9:][:9]
		for k, r := range t {
			out[3*k], out[3*k+1], out[3*k+2] = r[0]+(r[1]+r[2])/2, (r[1]-r[2])/2, (r[1]+r[2])/2+r[3]
		}
	}
}

// transformGradient computes A·δ·Aᵀ of so many patches.
func (by *instructions) transformGradient(p *patchTransform, patches int) {
	if by.gradientPatches != nil {
		by.gradientPatches(p)
		return
	}
	for t := range patches {
		var half [4][2]float32
		for j := range 2 {
			upper, lower := *beyond(p.from, t+j*p.column), *beyond(p.from, t+j*p.column+p.phase)
			half[0][j], half[1][j], half[2][j], half[3][j] = upper, upper+lower, upper-lower, -lower
		}
		for i, h := range half {
			for j, v := range [4]float32{h[0], h[0] + h[1], h[0] - h[1], -h[1]} {
				*beyond(p.to, t+(4*i+j)*p.step) = v
			}
		}
	}
}

package kernel

// Winograd's minimal filtering F(2×2,3×3) (Winograd 1980; Lavin and Gray 2016, section 4.1): 2×2 results of a 3×3
// convolution at stride 1 are Aᵀ·(Σ_c (G·g·Gᵀ) ∘ (Bᵀ·d·B))·A of a 4×4 patch d of each input channel c and its weights
// g. That takes 16 products where the sum of 3×3 takes 36, and is a product of matrices [rows,c] and [c,patches] for
// each of the 16 places.
type winograd struct {
	by       *instructions
	in, rows int   // channels of a group that are read, and that are computed
	image    frame // patches are what a 4×4 kernel reads at stride 2
	filter   filter
	outH     int
	outW     int

	strips  parting // of rows of patches
	samples int     // that are taken together
	taps    []int   // where each input channel lies, of a place
	width   int     // patches of a task, and room to spill
}

// places of a patch.
const places = 16

// Numbers of channels, and of patches of a sample, below which transforms cost what products save.
const (
	fewChannels = 24
	fewPatches  = 16
)

// newWinograd is for the products of a filter, the weights of whose taps follow [channel,3,3], with images of in
// channels.
func newWinograd(n, in, h, w, top, left, outH, outW int, f filter) *winograd {
	z := &winograd{by: f.by, in: in, rows: f.rows, filter: f, outH: outH, outW: outW}
	patchRows, patchCols := ceilDiv(outH, 2), ceilDiv(outW, 2)
	strip := patchRows
	most := max(1, 2*cached/(places*(in+f.rows))) // patches whose transforms stay in the cache
	for strip > 1 && strip*patchCols > most {
		strip = ceilDiv(strip, 2)
	}
	for strip*patchCols >= 2*fewPatches && n*f.groups*ceilDiv(patchRows, strip) < fewTasks {
		strip = ceilDiv(strip, 2)
	}
	z.strips = parting{ceilDiv(patchRows, strip), strip, patchRows}
	z.samples = 1
	if z.strips.n == 1 {
		z.samples = max(1, min(2*z.by.lanes*z.by.vectors/(patchRows*patchCols), ceilDiv(n*f.groups, fewTasks)))
	}
	z.image = newFrame(f.by, h, w, 2, 2, top, left, strip, patchRows, patchCols, multiples(4, 1), multiples(4, 1))
	z.width = z.samples*strip*patchCols + spill
	z.taps = multiples(in, z.width)
	return z
}

// patchTransform is the transform of a channel's patches, or of its results; see [instructions]. The assembly checks no
// bounds.
type patchTransform struct {
	from, to   *float32
	n          int // vectors of patches
	column     int // from a column of patches to the next
	phase, row int // to the next row, and to the one after it; of results: to the row below
	step       int // between places
}

// len is the number of transformed weights.
func (z *winograd) len() int { return places * z.filter.groups * z.rows * z.in }

// pack transforms the weights: [group, place, block, channel, row of block].
func (z *winograd) pack(team *Team, dst, w []float32) {
	f := &z.filter
	team.Do(f.groups*f.blocks.n, func(_ *Scratch, task int) {
		group := task / f.blocks.n
		from, to := f.blocks.of(task % f.blocks.n)
		plane := z.rows * z.in
		for c := range z.in {
			at := group*places*plane + from*z.in + c*(to-from)
			for row := from; row < to; row++ {
				var g [9]float32
				for k := range g {
					g[k] = w[group*f.groupStep+row*f.rowStep+f.taps[c*9+k]]
				}
				out := dst[at+row-from:]
				for i, v := range transformed(&g) {
					out[i*plane] = v
				}
			}
		}
	})
}

// transformed is G·g·Gᵀ.
func transformed(g *[9]float32) (u [places]float32) {
	var t [4][3]float32
	for j := range 3 {
		a, b, c := g[j], g[3+j], g[6+j]
		t[0][j], t[1][j], t[2][j], t[3][j] = a, (a+b+c)/2, (a-b+c)/2, c
	}
	for i, r := range t {
		a, b, c := r[0], r[1], r[2]
		u[4*i], u[4*i+1], u[4*i+2], u[4*i+3] = a, (a+b+c)/2, (a-b+c)/2, c
	}
	return u
}

// tasks of n samples.
func (z *winograd) tasks(n int) int { return ceilDiv(n, z.samples) * z.filter.groups * z.strips.n }

// compute does a task: x and to begin with the first sample's first group, apart elements between samples and groups.
func (z *winograd) compute(
	s *Scratch, task, n int, packed, x []float32, xSample, xGroup int, y plane, ySample, yGroup int,
) {
	strip, task := task%z.strips.n, task/z.strips.n
	group, task := task%z.filter.groups, task/z.filter.groups
	first, last := task*z.samples, min(n, (task+1)*z.samples)
	from, to := z.strips.of(strip)
	patches := (to - from) * z.image.outW
	count := (last - first) * patches

	v := s.Floats(1, places*z.in*z.width)
	m := s.Floats(2, places*z.rows*z.width+spill)
	p := &s.patches
	for sample := first; sample < last; sample++ {
		img := z.image.of(s, 0, x[sample*xSample+group*xGroup:], z.in, from)
		*p = patchTransform{n: ceilDiv(patches, z.by.lanes), column: 2 * z.image.rows * z.image.outW,
			phase: z.image.rows * z.image.outW, row: z.image.outW, step: z.in * z.width}
		for c := range z.in {
			p.from, p.to = &img[c*z.image.plane()], &v[c*z.width+(sample-first)*patches]
			z.by.transformPatches(p, patches)
		}
	}
	size := z.rows * z.in
	for place := range places {
		to := plane{y: m[place*z.rows*z.width:], pitch: z.width, pixels: count}
		z.filter.multiply(s, to, packed[(group*places+place)*size:], 0, z.whole(), 0, v[place*z.in*z.width:], z.taps)
	}
	below := 2*patches + 2*maxLanes // from an upper row to the lower one
	grid := s.Floats(0, 2*below)
	for sample := first; sample < last; sample++ {
		begin := sample*ySample + group*yGroup
		for row := range z.rows {
			*p = patchTransform{from: &m[row*z.width+(sample-first)*patches], to: &grid[0], n: ceilDiv(patches, z.by.lanes),
				row: below, step: z.rows * z.width}
			z.by.transformResults(p, patches)
			c := &s.channel
			*c = channel{scale: 1}
			if c.clamp(y.clamp); y.bias != nil {
				c.shift = y.bias[group*z.rows+row]
			}
			z.place(c, y, begin+row*y.pitch, grid, below, from, to)
		}
	}
}

// place brings results to their rows, from the given one of y on, and does what follows.
func (z *winograd) place(c *channel, y plane, at int, grid []float32, below, from, to int) {
	for half := range 2 {
		first := 2*from + half
		rows := (min(2*to, z.outH) - first + 1) / 2
		if rows <= 0 {
			return
		}
		z.by.over(c, rows, z.outW, 2*z.outW)
		c.x, c.stepX = &grid[half*below], 2*z.image.outW
		c.out = &y.y[at+first*z.outW]
		if y.add == nil {
			z.by.pass(c, normalise)
			continue
		}
		c.z = &y.add[at+first*z.outW]
		z.by.pass(c, normaliseSum)
	}
}

// whole is all of a group's blocks.
func (z *winograd) whole() parting { return inParts(z.filter.blocks.n, 1) }

// transformPatches computes Bᵀ·d·B of so many patches.
func (by *instructions) transformPatches(p *patchTransform, patches int) {
	if by.patches != nil {
		by.patches(p)
		return
	}
	for t := range patches {
		var d, half [4][4]float32
		for i := range 4 {
			for j := range 4 {
				d[i][j] = *beyond(p.from, t+j*p.column+i%2*p.phase+i/2*p.row)
			}
		}
		for j := range 4 {
			half[0][j], half[1][j] = d[0][j]-d[2][j], d[1][j]+d[2][j]
			half[2][j], half[3][j] = d[2][j]-d[1][j], d[1][j]-d[3][j]
		}
		for i, h := range half {
			for j, v := range [4]float32{h[0] - h[2], h[1] + h[2], h[2] - h[1], h[1] - h[3]} {
				*beyond(p.to, t+(4*i+j)*p.step) = v
			}
		}
	}
}

// transformResults computes Aᵀ·m·A of so many patches.
func (by *instructions) transformResults(p *patchTransform, patches int) {
	if by.results != nil {
		by.results(p)
		return
	}
	for t := range patches {
		var s [2][4]float32
		for j := range 4 {
			var m [4]float32
			for i := range m {
				m[i] = *beyond(p.from, t+(4*i+j)*p.step)
			}
			s[0][j], s[1][j] = m[0]+m[1]+m[2], m[1]-m[2]-m[3]
		}
		for i, h := range s {
			for j, v := range [2]float32{h[0] + h[1] + h[2], h[1] - h[2] - h[3]} {
				*beyond(p.to, i*p.row+2*t+j) = v
			}
		}
	}
}

package kernel

// gathered is a convolution whose planes have fewer positions than a vector has lanes: those of several samples are
// brought side by side, for each input channel and kernel offset of a group.
type gathered struct {
	shape     ConvShape
	filter    filter
	c, o      int   // channels of a group that are read, and that are computed
	positions int   // of a plane
	index     []int // where each tap's positions lie in a group of a sample; −1: padding
	samples   int   // of a task
	taps      []int // of a task's elements
	chunk     int   // samples whose weights' gradients are summed at a time
	sumTaps   []int // of their elements
}

// newGathered is nil for planes that are large enough.
func newGathered(s ConvShape, f filter, chunk int) *gathered {
	g := &gathered{shape: s, filter: f, c: s.C / s.Groups, o: s.O / s.Groups, positions: s.OH * s.OW, chunk: chunk}
	if g.positions >= f.by.lanes {
		return nil
	}
	for ch := range g.c {
		for kh := range s.KH {
			for kw := range s.KW {
				for oh := range s.OH {
					for ow := range s.OW {
						h, w := oh*s.SH+kh*s.DH-s.PT, ow*s.SW+kw*s.DW-s.PL
						at := -1
						if h >= 0 && h < s.H && w >= 0 && w < s.W {
							at = (ch*s.H+h)*s.W + w
						}
						g.index = append(g.index, at)
					}
				}
			}
		}
	}
	// As many samples as fill the widest tile, fewer where there are few tasks or where weights are many.
	g.samples = min(ceilDiv(f.by.columns(1), g.positions), max(1, s.N*s.Groups/fewTasks),
		max(1, 8*cached/len(g.index)))
	g.taps, g.sumTaps = multiples(len(f.taps), g.samples*g.positions), multiples(len(f.taps), chunk*g.positions)
	return g
}

// gather brings what taps read of n samples from the given one on side by side: [tap, sample, position].
func (g *gathered) gather(dst, x []float32, first, n, group, width int) {
	sample := g.shape.C * g.shape.H * g.shape.W
	x = x[first*sample+group*g.c*g.shape.H*g.shape.W:]
	for tap := range len(g.index) / g.positions {
		index := g.index[tap*g.positions:][:g.positions]
		to := dst[tap*width:]
		for i := range n {
			from := x[i*sample:]
			for p, at := range index {
				if at < 0 {
					to[p] = 0
				} else {
					to[p] = from[at]
				}
			}
			to = to[g.positions:]
		}
	}
}

// forward computes y from packed weights.
func (g *gathered) forward(team *Team, y, x, packed []float32, e Epilogue) {
	s, width := g.shape, g.samples*g.positions
	team.Do(ceilDiv(s.N, g.samples)*s.Groups, func(scratch *Scratch, task int) {
		group, first := task%s.Groups, task/s.Groups*g.samples
		n := min(g.samples, s.N-first)
		cols, sums := scratch.Floats(0, len(g.taps)*width), scratch.Floats(1, g.o*width)
		g.gather(cols, x, first, n, group, width)
		to := plane{y: sums, pitch: width, pixels: n * g.positions, bias: e.Bias}
		g.filter.multiply(scratch, to, packed, group, inParts(g.filter.blocks.n, 1), 0, cols, g.taps)
		for i := range n {
			for row := range g.o {
				begin := ((first+i)*s.O + group*g.o + row) * g.positions
				out, from := y[begin:][:g.positions], sums[row*width+i*g.positions:][:g.positions]
				if e.Add != nil {
					for p, v := range e.Add[begin:][:g.positions] {
						from[p] += v
					}
				}
				if e.Clamp != nil {
					Clip(e.Clamp[0], e.Clamp[1])(from, from)
				}
				copy(out, from)
			}
		}
	})
}

// gradWeight computes a chunk's share of the weights' gradient of a group, [o,c·k].
func (g *gathered) gradWeight(scratch *Scratch, sums, dy, x []float32, group, first, last int) {
	s := g.shape
	width := g.chunk * g.positions
	cols, ds := scratch.Floats(0, len(g.taps)*width), scratch.Floats(1, g.o*width)
	g.gather(cols, x, first, last-first, group, width)
	for i := range last - first {
		for row := range g.o {
			copy(ds[row*width+i*g.positions:][:g.positions], dy[((first+i)*s.O+group*g.o+row)*g.positions:])
		}
	}
	t := &scratch.dots
	t.x, t.pitch, t.runs, t.sumPitch = &cols[0], width, 1, len(g.taps)
	g.filter.by.sumAll(t, sums, ds, g.o, (last-first)*g.positions, g.sumTaps)
}

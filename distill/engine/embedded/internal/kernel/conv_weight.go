package kernel

import "github.com/viterin/vek/vek32"

// The gradient of a convolution's weights is a product over output positions: dwᵀ[(c,k),o] = Σ_{n,p} x(c, p, k) ·
// dyᵀ[n,p,o]. The left factor is read from x's frame as it lies, the right one from a transposed copy of dy.
type weightGradient struct {
	places []int // offset in the frame of each output position
	taps   []int // offset in the frame of each (channel, kernel offset)
	width  int   // output channels of a group, rounded up to a tile's
	bk     []int // offset of each position of a block in the transposed copy
	chunks parting
}

// Positions are taken in blocks that keep a tile's share of dyᵀ in the first-level cache.
const positionBlock = 256

// Samples are summed in chunks, in parallel, and the chunks in order. There are fewer of them where the weights are
// large.
const (
	maxChunks     = 16
	chunkElements = 4 << 20
)

func (cv *Conv) planWeightGradient() {
	g := &cv.weight
	g.taps = cv.forward.taps
	for oh := range cv.OH {
		for ow := range cv.OW {
			g.places = append(g.places, oh*cv.image.cols+ow)
		}
	}
	g.width = ceilDiv(cv.o, tileCols) * tileCols
	g.bk = multiples(positionBlock, g.width)
	n := max(1, min(maxChunks, cv.N, chunkElements/max(1, cv.O*cv.c*cv.k)))
	size := ceilDiv(cv.N, n)
	g.chunks = parting{ceilDiv(cv.N, size), size, cv.N}
}

// narrow says whether a group has so few output channels that most of a tile would be wasted.
func (cv *Conv) narrow() bool { return cv.o <= 2 }

// partialSums is the number of elements of all chunks' sums.
func (cv *Conv) partialSums() int {
	if cv.narrow() {
		return cv.weight.chunks.n * cv.O * cv.c * cv.k
	}
	return cv.weight.chunks.n * cv.Groups * cv.c * cv.k * cv.weight.width
}

// GradWeight computes dw from dy and x. It uses the team's workspace.
func (cv *Conv) GradWeight(team *Team, dw, dy, x []float32) {
	g, partial := &cv.weight, team.Workspace(cv.partialSums())
	rows := cv.c * cv.k
	if cv.narrow() {
		size := cv.O * rows
		team.Do(g.chunks.n*cv.Groups, func(s *Scratch, task int) {
			chunk, group := task/cv.Groups, task%cv.Groups
			cv.gradWeightNarrow(s, partial[chunk*size+group*cv.o*rows:][:cv.o*rows], dy, x, group, chunk)
		})
		team.Split(size, 1<<14, func(_ *Scratch, from, to int) {
			copy(dw[from:to], partial[from:to])
			for chunk := 1; chunk < g.chunks.n; chunk++ {
				vek32.Add_Inplace(dw[from:to], partial[chunk*size+from:chunk*size+to])
			}
		})
		return
	}
	size := rows * g.width
	team.Do(g.chunks.n*cv.Groups, func(s *Scratch, task int) {
		chunk, group := task/cv.Groups, task%cv.Groups
		sums := partial[task*size:][:size]
		clear(sums)
		from, to := g.chunks.of(chunk)
		for n := from; n < to; n++ {
			cv.addWeightGradient(s, sums, dy, x, group, n)
		}
	})
	team.Do(cv.O, func(_ *Scratch, o int) {
		group, column := o/cv.o, o%cv.o
		out := dw[o*rows:][:rows]
		clear(out)
		for chunk := range g.chunks.n {
			sums := partial[(chunk*cv.Groups+group)*size:][:size]
			for i := range out {
				out[i] += sums[i*g.width+column]
			}
		}
	})
}

// addWeightGradient adds what one sample gives to a group's sums, [c·k, width].
func (cv *Conv) addWeightGradient(s *Scratch, sums, dy, x []float32, group, n int) {
	g := &cv.weight
	img := cv.image.framed(s, 0, x[(n*cv.C+group*cv.c)*cv.H*cv.W:], cv.c)
	plane := cv.OH * cv.OW
	turned := s.Floats(1, positionBlock*g.width)
	if g.width > cv.o {
		clear(turned)
	}
	t := tile{a: img, b: turned, c: sums}
	for p := 0; p < plane; p += positionBlock {
		n2 := min(positionBlock, plane-p)
		transposeInto(turned, g.width, dy[(n*cv.O+group*cv.o)*plane+p:], plane, cv.o, n2)
		t.ak, t.bk = g.places[p:p+n2], g.bk[:n2]
		for o := 0; o < g.width; o += tileCols {
			t.bj, t.cj = adjacent(o), adjacent(o)
			for i := 0; i < len(g.taps); i += tileRows {
				for r := range tileRows {
					at := min(i+r, len(g.taps)-1)
					t.ai[r], t.ci[r] = g.taps[at], at*g.width
				}
				t.runPart(len(g.taps)-i, [tileParts]int{partCols, partCols, partCols, partCols})
			}
		}
	}
}

// gradWeightNarrow computes a chunk's share of a group's gradient, [o,c·k], row of output by row.
func (cv *Conv) gradWeightNarrow(s *Scratch, dw, dy, x []float32, group, chunk int) {
	clear(dw)
	rows := cv.c * cv.k
	from, to := cv.weight.chunks.of(chunk)
	for n := from; n < to; n++ {
		img := cv.image.framed(s, 0, x[(n*cv.C+group*cv.c)*cv.H*cv.W:], cv.c)
		for o := range cv.o {
			d := dy[(n*cv.O+group*cv.o+o)*cv.OH*cv.OW:][:cv.OH*cv.OW]
			for k, tap := range cv.weight.taps {
				var sum float32
				for oh := range cv.OH {
					sum += vek32.Dot(d[oh*cv.OW:][:cv.OW], img[tap+oh*cv.image.cols:][:cv.OW])
				}
				dw[o*rows+k] += sum
			}
		}
	}
}

// transposeInto writes the transpose of a rows × cols matrix, whose rows lie lds apart, as rows that lie ldd apart.
func transposeInto(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	i := 0
	for ; i+4 <= rows; i += 4 {
		r0, r1, r2, r3 := src[i*lds:][:cols], src[(i+1)*lds:][:cols], src[(i+2)*lds:][:cols], src[(i+3)*lds:][:cols]
		for j := range r0 {
			d := dst[j*ldd+i:][:4]
			d[0], d[1], d[2], d[3] = r0[j], r1[j], r2[j], r3[j]
		}
	}
	for ; i < rows; i++ {
		for j, v := range src[i*lds:][:cols] {
			dst[j*ldd+i] = v
		}
	}
}

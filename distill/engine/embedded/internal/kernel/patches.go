package kernel

// patches is the right-hand side of a convolution as a matrix product: column (row,col) of an output grid holds, for
// each k, the frame's element at taps[k] + row·pitch + col.
type patches struct {
	taps     []int
	segments []segment
}

// segment is a run of at most partCols columns that lie side by side in the frame and in the output.
type segment struct{ in, out, n int }

// newPatches covers a grid of rows × cols; taps may be set later.
func newPatches(rows, cols, pitch int, taps []int) patches {
	p := patches{taps: taps}
	if pitch == cols {
		rows, cols = 1, rows*cols
	}
	for r := range rows {
		for c := 0; c < cols; c += partCols {
			p.segments = append(p.segments, segment{r*pitch + c, r*cols + c, min(partCols, cols-c)})
		}
	}
	return p
}

// multiply adds a · patches to c, whose rows, one plane of outputs each, lie plane elements apart. Row i of a starts
// at i·step, and its k-th element lies ak[k] further.
func (p *patches) multiply(c []float32, plane int, a []float32, rows, step int, ak []int, frame []float32) {
	t := tile{a: a, b: frame, c: c, ak: ak, bk: p.taps}
	for s := 0; s < len(p.segments); s += tileParts {
		var cols [tileParts]int
		for i := range cols {
			at := p.segments[min(s+i, len(p.segments)-1)]
			t.bj[i], t.cj[i] = at.in, at.out
			if s+i < len(p.segments) {
				cols[i] = at.n
			}
		}
		for i := 0; i < rows; i += tileRows {
			for r := range tileRows {
				at := min(i+r, rows-1)
				t.ai[r], t.ci[r] = at*step, at*plane
			}
			t.runPart(rows-i, cols)
		}
	}
}

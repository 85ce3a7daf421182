package kernel

import "unsafe"

// Gemm is a batch of matrix products: op(A) [M,K] times op(B) [K,N] gives C [M,N], where op transposes or not.
type Gemm struct {
	Batch          int
	M, N, K        int
	TransA, TransB bool
	// How far apart the matrices of a batch lie in each operand: for each of them its offset in matrices. nil: one after
	// another.
	BatchA, BatchB []int

	by         *instructions
	rows, cols parting
	dot        bool  // rows of both operands run along K
	taps       []int // dot: offset of each row of op(B)'s transpose; else of each row of B, or of its panel
}

// A task computes at most so many rows and columns of C.
const (
	rowBlock = 96
	colBlock = 512
)

// NewGemm prepares a product.
func NewGemm(g Gemm) *Gemm {
	g.by = fastest
	g.dot = g.TransB && !g.TransA
	rows, cols := rowBlock, colBlock
	for rows > 2*g.by.rows && g.Batch*ceilDiv(g.M, rows)*ceilDiv(g.N, cols) < fewTasks {
		rows /= 2
	}
	for cols > 2*g.by.columns(g.by.rows) && g.Batch*ceilDiv(g.M, rows)*ceilDiv(g.N, cols) < fewTasks {
		cols /= 2
	}
	g.rows, g.cols = parting{ceilDiv(g.M, rows), rows, g.M}, parting{ceilDiv(g.N, cols), cols, g.N}
	switch {
	case g.dot:
		g.taps = multiples(g.N, g.K)
	case g.TransB:
		g.taps = multiples(g.K, g.by.columns(g.by.rows))
	default:
		g.taps = multiples(g.K, g.N)
	}
	return &g
}

// AddTo adds the products to c.
func (g *Gemm) AddTo(team *Team, c, a, b []float32) {
	if g.K == 0 {
		return
	}
	team.Do(g.Batch*g.rows.n*g.cols.n, func(s *Scratch, task int) {
		col, task := task%g.cols.n, task/g.cols.n
		row, batch := task%g.rows.n, task/g.rows.n
		ma, mb := batch, batch
		if g.BatchA != nil {
			ma = g.BatchA[batch]
		}
		if g.BatchB != nil {
			mb = g.BatchB[batch]
		}
		c, a, b := c[batch*g.M*g.N:][:g.M*g.N], a[ma*g.M*g.K:][:g.M*g.K], b[mb*g.K*g.N:][:g.K*g.N]
		i0, i1 := g.rows.of(row)
		j0, j1 := g.cols.of(col)
		if g.dot {
			g.addDots(s, c, a, b, i0, i1, j0, j1)
		} else {
			g.addTiles(s, c, a, b, i0, i1, j0, j1)
		}
	})
}

// addDots multiplies rows of A with rows of B.
func (g *Gemm) addDots(s *Scratch, c, a, b []float32, i0, i1, j0, j1 int) {
	t := &s.dots
	t.x, t.pitch, t.runs, t.sumPitch = &b[0], g.K, 1, g.N
	for j := j0; j < j1; j += g.by.dotTaps {
		taps := g.taps[j:min(j+g.by.dotTaps, j1)]
		for i := i0; i < i1; i += g.by.dotRows {
			t.d, t.sums = &a[i*g.K], &c[i*g.N+j]
			g.by.sum(t, min(g.by.dotRows, i1-i), g.K, taps)
		}
	}
}

// addTiles multiplies blocks of rows of op(A), side by side for each k, with rows of op(B).
func (g *Gemm) addTiles(s *Scratch, c, a, b []float32, i0, i1, j0, j1 int) {
	blocks := inParts(i1-i0, ceilDiv(i1-i0, g.by.rows))
	columns := g.by.columns(blocks.size)
	if g.TransB {
		columns = g.by.columns(g.by.rows) // as taps are
	}
	var packed []float32
	if !g.TransA {
		packed = s.Floats(0, (i1-i0)*g.K)
		for i := range blocks.n {
			from, to := blocks.of(i)
			transposeInto(packed[from*g.K:], to-from, a[(i0+from)*g.K:], g.K, to-from, g.K)
		}
	}
	var panel []float32
	if g.TransB {
		panel = s.Floats(1, g.K*columns)
	}
	t := &s.tile
	*t = tile{taps: unsafe.SliceData(g.taps), k: g.K, pitch: g.N, bias: &noBias[0]}
	for j := j0; j < j1; j += columns {
		n := min(columns, j1-j)
		if !g.TransB {
			t.x = &b[j]
		} else {
			transposeInto(panel, columns, b[j*g.K:], g.K, n, g.K)
			t.x = &panel[0]
		}
		for i := range blocks.n {
			from, to := blocks.of(i)
			if g.TransA {
				t.w, t.step = &a[i0+from], g.M
			} else {
				t.w, t.step = &packed[from*g.K], to-from
			}
			t.y = &c[(i0+from)*g.N+j]
			t.add = t.y
			g.by.run(t, to-from, n)
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

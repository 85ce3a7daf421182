package kernel

// Gemm is a batch of matrix products: op(A) [M,K] times op(B) [K,N] gives C [M,N], where op transposes or not.
type Gemm struct {
	Batch          int
	M, N, K        int
	TransA, TransB bool
	// How far apart the matrices of a batch lie in each operand: for each of them its offset in matrices. nil: one after
	// another.
	BatchA, BatchB []int

	rows, cols parting
	ak         []int // offset of each k in a row of op(A)
	bk         []int // offset of each k in a packed panel
}

// depth is how many k a packed panel holds, so that it stays in the first-level cache.
const depth = 256

// panelCols is how many columns of C a task computes, and rowBlock how many rows at the most.
const (
	panelCols = 4 * tileCols
	rowBlock  = 256
)

// NewGemm prepares a product.
func NewGemm(g Gemm) *Gemm {
	g.cols = parting{ceilDiv(g.N, panelCols), panelCols, g.N}
	size := rowBlock
	for size > 4*tileRows && g.Batch*g.cols.n*ceilDiv(g.M, size) < fewTasks {
		size /= 2
	}
	g.rows = parting{ceilDiv(g.M, size), size, g.M}
	g.bk = multiples(min(depth, g.K), tileCols)
	g.ak = multiples(g.K, 1)
	if g.TransA {
		g.ak = multiples(g.K, g.M)
	}
	return &g
}

// AddTo adds the products to c.
func (g *Gemm) AddTo(team *Team, c, a, b []float32) {
	step := g.K // between rows of op(A)
	if g.TransA {
		step = 1
	}
	team.Do(g.Batch*g.rows.n*g.cols.n, func(s *Scratch, task int) {
		col, row, batch := task%g.cols.n, task/g.cols.n%g.rows.n, task/g.cols.n/g.rows.n
		ma, mb := batch, batch
		if g.BatchA != nil {
			ma = g.BatchA[batch]
		}
		if g.BatchB != nil {
			mb = g.BatchB[batch]
		}
		i0, i1 := g.rows.of(row)
		j0, j1 := g.cols.of(col)
		c, a, b := c[batch*g.M*g.N:][:g.M*g.N], a[ma*g.M*g.K:][:g.M*g.K], b[mb*g.K*g.N:][:g.K*g.N]
		panels := s.Floats(0, min(depth, g.K)*panelCols)
		for k0 := 0; k0 < g.K; k0 += depth {
			n := min(depth, g.K-k0)
			for j := j0; j < j1; j += tileCols {
				g.pack(panels[(j-j0)*n:][:n*tileCols], b, k0, n, j)
			}
			t := tile{a: a, b: panels, c: c, ak: g.ak[k0 : k0+n], bk: g.bk[:n]}
			for i := i0; i < i1; i += tileRows {
				for j := j0; j < j1; j += tileCols {
					for r := range tileRows {
						at := min(i+r, i1-1)
						t.ai[r], t.ci[r] = at*step, at*g.N
					}
					t.bj, t.cj = adjacent((j-j0)*n), adjacent(j)
					var cols [tileParts]int
					for p := range cols {
						cols[p] = max(0, min(partCols, j1-j-p*partCols))
					}
					t.runPart(i1-i, cols)
				}
			}
		}
	})
}

// pack copies columns j … j+15 of op(B), rows k0 … k0+n, side by side, with zeros past the last column.
func (g *Gemm) pack(dst, b []float32, k0, n, j int) {
	cols := min(tileCols, g.N-j)
	if cols < tileCols {
		clear(dst)
	}
	if g.TransB {
		transposeInto(dst, tileCols, b[j*g.K+k0:], g.K, cols, n)
		return
	}
	for k := range n {
		copy(dst[k*tileCols:][:cols], b[(k0+k)*g.N+j:])
	}
}

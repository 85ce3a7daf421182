package kernel

import "github.com/viterin/vek/vek32"

// A tile is 4×16 sums of products, the unit of work of every matrix product and convolution:
//
//	c[ci[i]+cj[p]+j] += Σ_k a[ai[i]+ak[k]] · b[bj[p]+bk[k]+j]    i < 4, p < 4, j < 4
//
// Operands are read where they lie, by tables of offsets: a convolution's patches, the rows of a matrix and its
// transpose are all just other tables, so that no patch matrix is ever written out. Each sum runs over k in order,
// whatever the tile's surroundings, which makes results independent of how work is shared out.
type tile struct {
	a, b, c []float32
	ak, bk  []int // of equal length
	ai, ci  [tileRows]int
	bj, cj  [tileParts]int
}

const (
	tileRows  = 4
	tileParts = 4
	partCols  = 4 // columns that lie side by side in b and in c
	tileCols  = tileParts * partCols
)

// adjacent places the parts of a tile side by side.
func adjacent(at int) [tileParts]int {
	return [tileParts]int{at, at + partCols, at + 2*partCols, at + 3*partCols}
}

// accelerated says whether the processor has what the assembly needs, AVX2 and FMA.
var accelerated = hasAssembly && vek32.Info().Acceleration

// Accelerated says whether kernels use the processor's vector instructions.
func Accelerated() bool { return accelerated }

func (t *tile) run() {
	if accelerated {
		runAVX2(t)
		return
	}
	t.runGo()
}

// runPart is run for a tile of which only some rows, and only the first columns of each part, are wanted. The offsets
// of unwanted rows of a must be valid; those of c are not used.
func (t *tile) runPart(rows int, cols [tileParts]int) {
	if rows >= tileRows && cols == [tileParts]int{partCols, partCols, partCols, partCols} {
		t.run()
		return
	}
	var sums [tileRows * tileCols]float32
	part := *t
	part.c, part.ci, part.cj = sums[:], [tileRows]int{0, tileCols, 2 * tileCols, 3 * tileCols}, adjacent(0)
	part.run()
	for i := range min(rows, tileRows) {
		for p, n := range cols {
			if n == 0 {
				continue
			}
			c := t.c[t.ci[i]+t.cj[p]:][:n]
			for j := range c {
				c[j] += sums[i*tileCols+p*partCols+j]
			}
		}
	}
}

func (t *tile) runGo() {
	for i := range tileRows {
		for p := range tileParts {
			var sum [partCols]float32
			for k, ak := range t.ak {
				a, b := t.a[t.ai[i]+ak], t.b[t.bj[p]+t.bk[k]:][:partCols]
				for j := range sum {
					sum[j] += a * b[j]
				}
			}
			c := t.c[t.ci[i]+t.cj[p]:][:partCols]
			for j := range sum {
				c[j] += sum[j]
			}
		}
	}
}

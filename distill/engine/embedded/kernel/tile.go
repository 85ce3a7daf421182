package kernel

import "github.com/viterin/vek/vek32"

// A tile is 4×16 sums of products, the unit of work of every matrix product and convolution:
//
//	c[ci[i]+cj[h]+j] += Σ_k a[ai[i]+ak[k]] · b[bj[h]+bk[k]+j]    i < 4, h < 2, j < 8
//
// Operands are read where they lie, by tables of offsets: a convolution's patches, the rows of a matrix and its transpose are all
// just other tables, so that no patch matrix is ever written out. Each sum runs over k in order, whatever the tile's
// surroundings, which makes results independent of how work is shared out.
type tile struct {
	a, b, c []float32
	ak, bk  []int // of equal length
	ai, ci  [4]int
	bj, cj  [2]int
}

const (
	tileRows = 4
	half     = 8 // columns that lie side by side in b and in c
	tileCols = 2 * half
)

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

// runPart is run for a tile of which only some rows, and only the first columns of each half, are wanted. The offsets of unwanted
// rows of a must be valid; those of c are not used.
func (t *tile) runPart(rows, left, right int) {
	if rows >= tileRows && left == half && right == half {
		t.run()
		return
	}
	var sums [tileRows * tileCols]float32
	part := *t
	part.c, part.ci, part.cj = sums[:], [4]int{0, tileCols, 2 * tileCols, 3 * tileCols}, [2]int{0, half}
	part.run()
	for i := range min(rows, tileRows) {
		for h, n := range [2]int{left, right} {
			if n == 0 {
				continue
			}
			c := t.c[t.ci[i]+t.cj[h]:][:n]
			for j := range c {
				c[j] += sums[i*tileCols+h*half+j]
			}
		}
	}
}

func (t *tile) runGo() {
	for i := range tileRows {
		for h := range 2 {
			var sum [half]float32
			for k, ak := range t.ak {
				a, b := t.a[t.ai[i]+ak], t.b[t.bj[h]+t.bk[k]:][:half]
				for j := range sum {
					sum[j] += a * b[j]
				}
			}
			c := t.c[t.ci[i]+t.cj[h]:][:half]
			for j := range sum {
				c[j] += sum[j]
			}
		}
	}
}

package kernel

import "unsafe"

// dots is a block of products of rows, the unit of work of weight gradients:
//
//	sums[i·sumPitch+j] += Σ_r Σ_p d[r·stepD+i·pitch+p] · x[r·stepX+taps[j]+p]    r < runs
//
// The assembly computes as many taps as there are to a block, and checks no bounds.
type dots struct {
	x            *float32
	taps         *int
	d            *float32
	pitch        int
	n            int    // vectors of a run
	last         *int32 // which lanes of a run's last vector there are
	runs         int
	stepX, stepD int // between runs
	sums         *float32
	sumPitch     int

	partTaps [maxDotTaps]int // of a block that is not full
	part     [maxDotRows * maxDotTaps]float32
}

// The largest block of all ways.
const (
	maxDotRows = 4
	maxDotTaps = 6
)

// sum adds products over runs of n elements of rows of d, with as many of x as there are taps, no more than a block's.
func (by *instructions) sum(t *dots, rows, n int, taps []int) {
	t.n, t.last = by.lastOf(n)
	t.taps = &taps[0]
	switch {
	case by.dots == nil:
		t.sumGo(rows, n, len(taps))
	case len(taps) == by.dotTaps:
		by.dots[rows-1](t)
	default:
		by.sumPart(t, rows, taps)
	}
}

// sumAll adds products of any number of rows and taps, a block at a time.
func (by *instructions) sumAll(t *dots, sums, d []float32, rows, n int, taps []int) {
	blocks := ceilDiv(rows, by.dotRows)
	for k := 0; k < len(taps); k += by.dotTaps {
		some := taps[k:min(k+by.dotTaps, len(taps))]
		for block := range blocks { // of nearly equal size: few rows share little
			row, end := block*rows/blocks, (block+1)*rows/blocks
			t.d, t.sums = &d[row*t.pitch], &sums[row*t.sumPitch+k]
			by.sum(t, end-row, n, some)
		}
	}
}

// sumPart computes fewer taps than a block has.
func (by *instructions) sumPart(t *dots, rows int, taps []int) {
	for i := range t.partTaps {
		t.partTaps[i] = taps[min(i, len(taps)-1)]
	}
	clear(t.part[:])
	sums, pitch := t.sums, t.sumPitch
	t.taps, t.sums, t.sumPitch = &t.partTaps[0], &t.part[0], maxDotTaps
	by.dots[rows-1](t)
	t.sums, t.sumPitch = sums, pitch
	for i := range rows {
		row := unsafe.Slice(beyond(sums, i*pitch), len(taps))
		for j := range row {
			row[j] += t.part[i*maxDotTaps+j]
		}
	}
}

func (t *dots) sumGo(rows, n, taps int) {
	for i := range rows {
		sums := unsafe.Slice(beyond(t.sums, i*t.sumPitch), taps)
		for j, tap := range unsafe.Slice(t.taps, taps) {
			for r := range t.runs {
				var s [4]float32
				d := unsafe.Slice(beyond(t.d, r*t.stepD+i*t.pitch), n)
				for p, v := range unsafe.Slice(beyond(t.x, r*t.stepX+tap), n) {
					s[p&3] += v * d[p]
				}
				sums[j] += s[0] + s[1] + (s[2] + s[3])
			}
		}
	}
}

package kernel

import "unsafe"

// filter is the left factor of a convolution's products: for each row of a group, which weight each tap takes. It
// lays weights out as tiles read them.
type filter struct {
	by                 *instructions
	groups, rows       int
	taps               []int // offset of each tap's weight
	rowStep, groupStep int   // between the weights of rows, and of groups
	blocks             parting
}

func newFilter(by *instructions, groups, rows int, taps []int, rowStep, groupStep int) filter {
	n := ceilDiv(rows, by.rows)
	size := ceilDiv(rows, n)
	return filter{by, groups, rows, taps, rowStep, groupStep, parting{ceilDiv(rows, size), size, rows}}
}

// len is the number of packed weights.
func (f *filter) len() int { return f.groups * f.rows * len(f.taps) }

// pack lays weights out as [group, block, tap, row of block].
func (f *filter) pack(team *Team, dst, w []float32) {
	team.Do(f.groups*f.blocks.n, func(_ *Scratch, task int) {
		group := task / f.blocks.n
		from, to := f.blocks.of(task % f.blocks.n)
		dst := dst[(group*f.rows+from)*len(f.taps):]
		for _, tap := range f.taps {
			w := w[group*f.groupStep+tap:]
			for row := from; row < to; row++ {
				dst[row-from] = w[row*f.rowStep]
			}
			dst = dst[to-from:]
		}
	})
}

// plane is where the sums of a group's rows go: pixels side by side, rows pitch apart.
type plane struct {
	y             []float32
	pitch, pixels int
	bias          []float32 // of all groups' rows; nil: none
	add           []float32 // lies as y does; nil: nothing
	clamp         *[2]float32
}

// multiply computes some blocks of a group from packed weights and what taps read of x.
func (f *filter) multiply(
	s *Scratch, to plane, packed []float32, group int, blocks parting, part int, x []float32, taps []int,
) {
	t := &s.tile
	*t = tile{taps: unsafe.SliceData(taps), k: len(taps), pitch: to.pitch, clamp: to.clamp}
	first, last := blocks.of(part)
	for block := first; block < last; block++ {
		from, end := f.blocks.of(block)
		rows := end - from
		t.w, t.step = unsafe.SliceData(packed[(group*f.rows+from)*len(taps):]), rows
		t.bias = &noBias[0]
		if to.bias != nil {
			t.bias = &to.bias[group*f.rows+from]
		}
		t.x, t.y, t.add = &x[0], &to.y[from*to.pitch], nil
		if to.add != nil {
			t.add = &to.add[from*to.pitch]
		}
		f.by.run(t, rows, to.pixels)
	}
}

// parting cuts rows into n runs of size rows.
type parting struct{ n, size, rows int }

func (p parting) of(i int) (from, to int) { return i * p.size, min(p.rows, (i+1)*p.size) }

// inParts cuts rows into at most n runs.
func inParts(rows, n int) parting {
	size := max(1, ceilDiv(rows, n))
	return parting{ceilDiv(rows, size), size, rows}
}

// multiples lists 0, step, 2·step, …, n of them.
func multiples(n, step int) []int {
	m := make([]int, n)
	for i := range m {
		m[i] = i * step
	}
	return m
}

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}

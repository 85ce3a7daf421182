package ort

import (
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// With a stride of s, rows of X that are s apart, a phase, are met by the same rows of the kernel: row s·i+r by the
// kernel's row k where r+begin−k is a multiple j·s, and there it was multiplied with dY's row i+j. So the gradient is
// one convolution of dY with stride 1, that has for each phase the channels of X, and whose results are then put
// between one another. No zeros are put into dY, which would be multiplied, too.

// phases is how phases meet a kernel along one axis.
type phases struct {
	stride, first, offsets int // j from first on
}

func phasesOf(w op.Window, axis int) phases {
	s, begin := w.Strides[axis], w.Begin[axis]
	first := -(max(0, w.Kernel[axis]-1-begin) / s) // the kernel's last row, in phase 0
	return phases{s, first, (s-1+begin)/s - first + 1}
}

// tap is the kernel's row that phase r meets at the offset with index j; it may be outside of the kernel.
func (p phases) tap(w op.Window, axis, r, j int) int { return r + w.Begin[axis] - (p.first+j)*p.stride }

// gradInputByPhase takes windows without dilation, of an input whose extents are multiples of the strides.
func (l *blocked) gradInputByPhase(b *graph.Builder, dy, w *graph.Value, x []int, win op.Window) []*graph.Value {
	d := w.Shape.Sizes()
	var axis [2]phases
	conv := pixelwise()
	for i := range axis {
		p := phasesOf(win, i)
		axis[i] = p
		rows := x[2+i] / p.stride
		conv.Kernel[i], conv.Begin[i] = p.offsets, -p.first
		conv.End[i] = rows + p.offsets - 1 - win.Out[i] + p.first
		if win.Dilations[i] != 1 || x[2+i]%p.stride != 0 || conv.Begin[i] < 0 || conv.End[i] < 0 {
			return nil
		}
	}
	h, v := axis[0], axis[1]
	taps, phases := d[2]*d[3], h.stride*v.stride
	// which weight stands where: [kh·kw, phases·offsets]
	pick := graph.NewTensor(graph.Float32, taps, phases*h.offsets*v.offsets)
	at := 0
	for r := range h.stride {
		for s := range v.stride {
			for i := range h.offsets {
				for j := range v.offsets {
					if y, z := h.tap(win, 0, r, i), v.tap(win, 1, s, j); y >= 0 && y < d[2] && z >= 0 && z < d[3] {
						pick.Float32s()[(y*d[3]+z)*pick.Dims[1]+at] = 1
					}
					at++
				}
			}
		}
	}
	channels := up(d[1], l.block)
	spread := b.Op("MatMul", nil, reshape(b, w, d[0]*d[1], taps), b.Const("phases", pick))
	spread = b.Op("Transpose", graph.Attrs{"perm": []int64{2, 1, 0, 3, 4}},
		reshape(b, spread, d[0], d[1], phases, h.offsets, v.offsets))
	if channels > d[1] {
		spread = b.Op("Pad", nil, spread, b.Ints(0, 0, 0, 0, 0, 0, int64(channels-d[1]), 0, 0, 0))
	}
	in := l.input(b, dy)
	c := l.conv(b, in, l.weights(b, reshape(b, spread, phases*channels, d[0], h.offsets, v.offsets), in.Shape[1].Size),
		nil, 1, conv)
	// [N, phases of rows, phases of columns, C/B, rows, columns, B] → [N, C/B, rows, phases of rows, columns, phases of
	// columns, B]
	rows, columns := x[2]/h.stride, x[3]/v.stride
	inner := channels / l.block * rows * columns
	c = declare(b, reorderInput, graph.Attrs{"channels_last": int64(1)},
		[]int{x[0] * h.stride, inner * l.block, 1, v.stride},
		reshape(b, c, x[0]*h.stride, 1, v.stride, inner*l.block))
	c = b.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 1, 3}},
		reshape(b, c, x[0], h.stride, channels/l.block*rows, columns*v.stride*l.block))
	return []*graph.Value{l.leave(b, reshape(b, c, x[0], channels, x[2], x[3]), x[1])}
}

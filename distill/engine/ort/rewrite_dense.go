package ort

import (
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Dense convolutions run about twice as fast in blocked layout, per multiply-add; but they multiply zeros where
// channels do not fill their blocks, and maps are reordered on the way in and out.

// mostFilling is how many multiply-adds a blocked convolution may do for each that is asked for: those of full blocks
// are about twice as fast, and the passes between convolutions are fewer.
const mostFilling = 2.5

// gains says whether a convolution of x [N,C,H,W] to y [N,O,Ho,Wo] is done in blocked layout, where x may be there
// already. Fewer channels than a block has are read as they are.
func (l *blocked) gains(x, y []int, entered bool) bool {
	in, out := up(x[1], l.block), up(y[1], l.block)
	if x[1] < l.block && !entered {
		in = x[1]
	}
	return float64(in*out) <= mostFilling*float64(x[1]*y[1])
}

// input is what a convolution reads x [N,C,H,W] from.
func (l *blocked) input(b *graph.Builder, x *graph.Value) *graph.Value {
	if x.Shape[1].Size < l.block && l.entered[x] == nil {
		return x
	}
	return l.channels(b, x)
}

// weights reorders [O,C,kh,kw] as blocked convolutions read them, for an input of so many channels: [O/B,C/B,kh,kw,B
// of C,B of O], or [O/B,C,kh,kw,B of O] where the input is not in blocks.
func (l *blocked) weights(b *graph.Builder, w *graph.Value, in int) *graph.Value {
	d := w.Shape.Sizes()
	out, share := up(d[0], l.block), l.block
	if in < l.block {
		share = 1
	}
	if out > d[0] || in > d[1] {
		w = b.Op("Pad", nil, w, b.Ints(0, 0, 0, 0, int64(out-d[0]), int64(in-d[1]), 0, 0))
	}
	w = reshape(b, w, out/l.block, l.block, in/share, share, d[2], d[3])
	w = b.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 4, 5, 3, 1}}, w)
	return reshape(b, w, out, in, d[2], d[3])
}

// denseConv takes convolutions of one group whose weights are trained.
func (r *rewriter) denseConv(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, w, y := n.Inputs[0], n.Inputs[1], n.Outputs[0]
	if r.blocked == nil || w.Const != nil || x.DType != graph.Float32 || y.Shape.Rank() != 4 || n.Int("group", 1) != 1 {
		return nil
	}
	d := w.Shape.Sizes()
	win, err := op.WindowOf(n, x.Shape[2:].Sizes(), d[2:])
	if err != nil || !r.blocked.gains(x.Shape.Sizes(), y.Shape.Sizes(), r.blocked.entered[x] != nil) {
		return nil
	}
	bias := r.bias(b, n)
	if bias != nil {
		bias = r.blocked.fill(b, bias)
	}
	in := r.blocked.input(b, x)
	c := r.blocked.conv(b, in, r.blocked.weights(b, w, in.Shape[1].Size), bias, 1, win)
	return []*graph.Value{r.blocked.leave(b, c, d[0])}
}

// denseGradInput convolves dY with the weights reversed, of one group; where there are strides, once for each phase
// of them.
func (r *rewriter) denseGradInput(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, w, x := n.Inputs[0], n.Inputs[1], ints(n.Ints("shape"))
	if r.blocked == nil || len(x) != 4 || dy.DType != graph.Float32 || n.Int("group", 1) != 1 {
		return nil
	}
	d := w.Shape.Sizes()
	win, err := op.WindowOf(n, x[2:], d[2:])
	if err != nil || !r.blocked.gains(dy.Shape.Sizes(), x, r.blocked.entered[dy] != nil) {
		return nil
	}
	if win.Strides[0] > 1 || win.Strides[1] > 1 {
		return r.blocked.gradInputByPhase(b, dy, w, x, win)
	}
	full := op.Window{In: win.Out, Out: win.In, Kernel: win.Kernel, Strides: []int{1, 1}, Dilations: win.Dilations,
		Begin: make([]int, 2), End: make([]int, 2)}
	for i := range full.Begin {
		span := (win.Kernel[i] - 1) * win.Dilations[i]
		full.Begin[i], full.End[i] = span-win.Begin[i], span-win.End[i]
		if full.Begin[i] < 0 || full.End[i] < 0 {
			return nil
		}
	}
	w = b.Op("Transpose", graph.Attrs{"perm": []int64{1, 0, 2, 3}}, reversed(b, w))
	in := r.blocked.input(b, dy)
	c := r.blocked.conv(b, in, r.blocked.weights(b, w, in.Shape[1].Size), nil, 1, full)
	return []*graph.Value{r.blocked.leave(b, c, x[1])}
}

// reversed turns the spatial axes of [O,C,kh,kw] around.
func reversed(b *graph.Builder, w *graph.Value) *graph.Value {
	d := w.Shape.Sizes()
	if d[2]*d[3] == 1 {
		return w
	}
	return b.Op("Slice", nil, w, b.Ints(-1, -1), b.Ints(int64(-d[2]-1), int64(-d[3]-1)), b.Ints(2, 3), b.Ints(-1, -1))
}

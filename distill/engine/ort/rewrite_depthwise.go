package ort

import (
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// A depthwise convolution treats every channel of every sample by itself, so that [N,C,H,W] may as well be one sample
// of N·C channels. With that many there is no block to fill up, and the weight gradient, too, is a depthwise
// convolution: its kernel is dY, as large as a map, which lies in memory the way weights do.

// depthwise gives the geometry of a convolution, or of a gradient of one, that this file is for; y is [N,C,Ho,Wo].
func (l *blocked) depthwise(n *graph.Node, x, y, w []int) (op.Window, bool) {
	if l == nil || len(x) != 4 || w[0] != x[1] || w[1] != 1 || y[1] != x[1] || x[0]*x[1]%l.block != 0 {
		return op.Window{}, false
	}
	win, err := op.WindowOf(n, x[2:], w[2:])
	return win, err == nil
}

// depthwiseWeights repeats [C,1,kh,kw] for every sample: [N·C,1,kh,kw] in blocks. What is transposed is as many
// samples as fill up blocks, where the batch is a multiple of them.
func (l *blocked) depthwiseWeights(b *graph.Builder, w *graph.Value, batch int) *graph.Value {
	d := w.Shape.Sizes()
	channels, taps := d[0], d[2]*d[3]
	samples := 1
	for samples*channels%l.block != 0 {
		samples++
	}
	if batch%samples != 0 {
		samples = batch
	}
	some := b.Op("Expand", nil, reshape(b, w, 1, channels, taps), b.Ints(int64(samples), int64(channels), int64(taps)))
	some = b.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 1}},
		reshape(b, some, samples*channels/l.block, l.block, taps))
	all := b.Op("Expand", nil, reshape(b, some, 1, samples*channels*taps),
		b.Ints(int64(batch/samples), int64(samples*channels*taps)))
	return reshape(b, all, batch*channels, 1, d[2], d[3])
}

func (r *rewriter) depthwiseConv(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, w := n.Inputs[0], n.Inputs[1]
	if w.Const != nil || x.DType != graph.Float32 || n.Outputs[0].Shape.Rank() != 4 {
		return nil // with constant weights, ONNX Runtime blocks it by itself
	}
	win, ok := r.blocked.depthwise(n, x.Shape.Sizes(), n.Outputs[0].Shape.Sizes(), w.Shape.Sizes())
	if !ok {
		return nil
	}
	batch, channels := x.Shape[0].Size, x.Shape[1].Size
	bias := r.bias(b, n)
	if bias != nil {
		bias = reshape(b, b.Op("Expand", nil, bias, b.Ints(int64(batch), int64(channels))), batch*channels)
	}
	y := r.blocked.conv(b, r.blocked.fold(b, x), r.blocked.depthwiseWeights(b, w, batch), bias, batch*channels, win)
	return []*graph.Value{r.blocked.unfold(b, y, batch)}
}

// depthwiseGradInput convolves dY with the weights reversed. With strides, zeros are put between the elements of dY.
func (r *rewriter) depthwiseGradInput(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, w, x := n.Inputs[0], n.Inputs[1], ints(n.Ints("shape"))
	if len(x) != 4 || dy.DType != graph.Float32 {
		return nil
	}
	win, ok := r.blocked.depthwise(n, x, dy.Shape.Sizes(), w.Shape.Sizes())
	if !ok {
		return nil
	}
	batch, channels := x[0], x[1]
	begin, end := make([]int, 2), make([]int, 2)
	for i := range begin {
		span := (win.Kernel[i] - 1) * win.Dilations[i]
		begin[i], end[i] = span-win.Begin[i], x[2+i]+win.Begin[i]-1-(win.Out[i]-1)*win.Strides[i]
		if begin[i] < 0 || end[i] < 0 {
			return nil
		}
	}
	d := r.blocked.fold(b, dy)
	if spread := win.Strides; slices.Max(spread) > 1 {
		// [N·C/B,H,1,W,1,B] → [N·C/B,H,stride,W,stride,B]; the zeros after the last row and column stand for padding
		blocks := batch * channels / r.blocked.block
		six := reshape(b, d, blocks, win.Out[0], 1, win.Out[1], 1, r.blocked.block)
		six = b.Op("Pad", nil, six, b.Ints(0, 0, 0, 0, 0, 0, 0, 0, int64(spread[0]-1), 0, int64(spread[1]-1), 0))
		for i := range end {
			end[i] -= spread[i] - 1
		}
		if slices.Min(end) < 0 {
			return nil
		}
		d = reshape(b, six, 1, batch*channels, win.Out[0]*spread[0], win.Out[1]*spread[1])
	}
	full := op.Window{Kernel: win.Kernel, Strides: []int{1, 1}, Dilations: win.Dilations, Begin: begin, End: end}
	dx := r.blocked.conv(b, d, r.blocked.depthwiseWeights(b, reversed(b, w), batch), nil, batch*channels, full)
	return []*graph.Value{r.blocked.unfold(b, dx, batch)}
}

// depthwiseGradWeight convolves X with dY, spread by the strides.
func (r *rewriter) depthwiseGradWeight(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, x, w := n.Inputs[0], n.Inputs[1], ints(n.Ints("shape"))
	if len(w) != 4 || dy.DType != graph.Float32 {
		return nil
	}
	win, ok := r.blocked.depthwise(n, x.Shape.Sizes(), dy.Shape.Sizes(), w)
	if !ok {
		return nil
	}
	batch, channels := x.Shape[0].Size, x.Shape[1].Size
	end := make([]int, 2)
	for i := range end {
		// the extent that the last kernel offset reaches
		reach := (win.Kernel[i]-1)*win.Dilations[i] + (win.Out[i]-1)*win.Strides[i] + 1
		end[i] = max(0, reach-win.In[i]-win.Begin[i])
	}
	filter := reshape(b, r.blocked.fold(b, dy), batch*channels, 1, win.Out[0], win.Out[1])
	spread := op.Window{Kernel: win.Out, Strides: win.Dilations, Dilations: win.Strides, Begin: win.Begin, End: end}
	products := r.blocked.conv(b, r.blocked.fold(b, x), filter, nil, batch*channels, spread)
	sum := b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, r.blocked.unfold(b, products, batch), b.Ints(0))
	d := sum.Shape.Sizes() // may have a row or column more than the kernel
	if d[1] > w[2] || d[2] > w[3] {
		sum = b.Op("Slice", nil, sum, b.Ints(0, 0), b.Ints(int64(w[2]), int64(w[3])), b.Ints(1, 2))
	}
	return []*graph.Value{reshape(b, sum, w...)}
}

func ints(v []int64) []int {
	out := make([]int, len(v))
	for i, x := range v {
		out[i] = int(x)
	}
	return out
}

package ort

import (
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// denseGradWeight is a convolution of X with dY as its kernel, as large as a map and spread by the strides. It sums
// over samples and positions, so samples take the place of channels: a block has B samples, and the blocks are
// groups, which are summed at the end. To fill the registers of the kernel, which works along a row of results, X's
// channels lie behind its columns, [H,W·C], and the kernel takes every C-th element: a row of results has all offsets
// along the last axis and all channels.
func (r *rewriter) denseGradWeight(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, x, dw := n.Inputs[0], n.Inputs[1], ints(n.Ints("shape"))
	l := r.blocked
	if l == nil || len(dw) != 4 || n.Int("group", 1) != 1 || dy.DType != graph.Float32 || dy.Shape[0].Size%l.block != 0 {
		return nil
	}
	w, err := op.WindowOf(n, x.Shape[2:].Sizes(), dw[2:])
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	if w.Dilations[0] != 1 || w.Dilations[1] != 1 {
		return nil
	}
	if w.Kernel[0]*w.Kernel[1]*w.Strides[0]*w.Strides[1] == 1 && slices.Equal(w.In, w.Out) &&
		up(dw[0], l.block)*up(dw[1], l.block) <= fewBlocks*l.block*l.block {
		return []*graph.Value{l.pointwiseGradWeight(b, dy, x, dw)}
	}
	batch, in, out := x.Shape[0].Size, dw[1], up(dw[0], l.block)
	x, w = l.pixelMajor(b, x, w)
	width := x.Shape[2].Size // with padding
	x = l.enter(b, reshape(b, x, 1, batch, w.In[0], width*in))
	// dY [N,O/B,Ho·Wo,B] → [N/B,O/B,Ho·Wo,B of N,B of O]
	filter := declare(b, reorderInput, graph.Attrs{"channels_last": int64(1)},
		[]int{batch / l.block, out * w.Out[0] * w.Out[1], 1, l.block},
		reshape(b, l.channels(b, dy), batch/l.block, 1, l.block, out*w.Out[0]*w.Out[1]))
	filter = reshape(b, filter, batch/l.block*out, l.block, w.Out[0], w.Out[1])
	spread := op.Window{Kernel: w.Out, Strides: []int{1, 1}, Dilations: []int{w.Strides[0], w.Strides[1] * in},
		Begin: []int{w.Begin[0], 0},
		End:   []int{max(0, w.Kernel[0]+(w.Out[0]-1)*w.Strides[0]-w.In[0]-w.Begin[0]), 0}}
	products := l.conv(b, x, filter, nil, batch/l.block, spread) // [1,N/B·O,kh,kw·C], kh and kw the offsets' or more
	height, columns := products.Shape[2].Size, products.Shape[3].Size/in
	sum := b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, reshape(b, products, batch/l.block, out*height*columns*in),
		b.Ints(0))
	sum = reshape(b, sum, out/l.block, height, columns, in, l.block)
	sum = reshape(b, b.Op("Transpose", graph.Attrs{"perm": []int64{0, 4, 3, 1, 2}}, sum), out, in, height, columns)
	if out > dw[0] || height > dw[2] || columns > dw[3] {
		sum = b.Op("Slice", nil, sum, b.Ints(0, 0, 0), b.Ints(int64(dw[0]), int64(dw[2]), int64(dw[3])), b.Ints(0, 2, 3))
	}
	return []*graph.Value{reshape(b, sum, dw...)}
}

// fewBlocks is how many pairs of blocks a product each is fastest for.
const fewBlocks = 4

// pointwiseGradWeight is, for a 1x1 kernel, the products of every block of dY with every block of X, [B of O, B of
// C], summed over the samples.
func (l *blocked) pointwiseGradWeight(b *graph.Builder, dy, x *graph.Value, dw []int) *graph.Value {
	batch, pixels := x.Shape[0].Size, x.Shape[2:].Elements()
	out, in := up(dw[0], l.block), up(dw[1], l.block)
	o, c := out/l.block, in/l.block
	products := declare(b, "com.microsoft.FusedMatMul", graph.Attrs{"transA": int64(1)},
		[]int{batch, o, c, l.block, l.block},
		reshape(b, l.channels(b, dy), batch, o, 1, pixels, l.block),
		reshape(b, l.channels(b, x), batch, 1, c, pixels, l.block))
	sum := b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, reshape(b, products, batch, out*in), b.Ints(0))
	sum = b.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 1, 3}}, reshape(b, sum, o, c, l.block, l.block))
	sum = reshape(b, sum, out, in)
	if out > dw[0] || in > dw[1] {
		sum = b.Op("Slice", nil, sum, b.Ints(0, 0), b.Ints(int64(dw[0]), int64(dw[1])), b.Ints(0, 1))
	}
	return reshape(b, sum, dw...)
}

// pixelMajor gives X as [N,H,W,C], W with the columns of padding that the window reaches, and the window on it.
func (l *blocked) pixelMajor(b *graph.Builder, x *graph.Value, w op.Window) (*graph.Value, op.Window) {
	batch, channels := x.Shape[0].Size, x.Shape[1].Size
	before := w.Begin[1]
	after := max(0, w.Kernel[1]+(w.Out[1]-1)*w.Strides[1]-w.In[1]-before)
	if l.entered[x] == nil && channels < l.block {
		x = b.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 3, 1}}, x)
		if before+after > 0 {
			x = b.Op("Pad", nil, x, b.Ints(0, 0, int64(before), 0, 0, 0, int64(after), 0))
		}
		return x, w
	}
	x = l.channels(b, x)
	if pick := w.Kernel[0]*w.Kernel[1] == 1 && w.Begin[0]+w.Begin[1] == 0 && w.Strides[0]*w.Strides[1] > 1; pick ||
		before+after > 0 {
		// a depthwise convolution with ones
		copied := pixelwise()
		if copied.Begin[1], copied.End[1] = before, after; pick {
			copied.Strides, copied.End[1] = w.Strides, 0
			w.Strides, w.In = []int{1, 1}, w.Out
		}
		x = l.conv(b, x, reshape(b, l.ones(b, x), x.Shape[1].Size, 1, 1, 1), nil, x.Shape[1].Size, copied)
	}
	d := x.Shape.Sizes()
	if channels == l.block {
		return reshape(b, x, batch, d[2], d[3], channels), w
	}
	if d[1] == l.block { // drops what fills up the block; reorderOutput takes one thread for this
		kept := graph.NewTensor(graph.Float32, l.block, channels)
		for c := range channels {
			kept.Float32s()[c*channels+c] = 1
		}
		x = b.Op("MatMul", nil, reshape(b, x, batch*d[2]*d[3], l.block), b.Const("kept", kept))
		return reshape(b, x, batch, d[2], d[3], channels), w
	}
	return declare(b, reorderOutput, graph.Attrs{"channels": int64(channels), "channels_last": int64(1)},
		[]int{batch, d[2], d[3], channels}, x), w
}

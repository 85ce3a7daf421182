package ort

import (
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// A weight gradient sums, for every kernel offset, the products of dY with X shifted by it. Here the copies of X, one per offset along
// the last axis, and those of dY, one per offset along the first, come out of matrix products with matrices of zeros and ones, which
// ONNX Runtime spreads over the threads; its Pad, Slice and Concat take one. One batched product over all of them follows.

// shift is the matrices that select, for every kernel offset along spatial axis i, the input position that each output position
// meets there: [kernel, in, out], or zero for padding.
func shift(w op.Window, i int) *graph.Tensor {
	kernel, in, out := w.Kernel[i], w.In[i], w.Out[i]
	t := graph.NewTensor(graph.Float32, kernel, in, out)
	for k := range kernel {
		for o := range out {
			if p := o*w.Strides[i] + k*w.Dilations[i] - w.Begin[i]; p >= 0 && p < in {
				t.Float32s()[(k*in+p)*out+o] = 1
			}
		}
	}
	return t
}

// transposed turns [k,m,n] into [k,n,m].
func transposed(t *graph.Tensor) *graph.Tensor {
	k, m, n := t.Dims[0], t.Dims[1], t.Dims[2]
	u := graph.NewTensor(t.DType, k, n, m)
	for i := range k {
		for r := range m {
			for c := range n {
				u.Float32s()[(i*n+c)*m+r] = t.Float32s()[(i*m+r)*n+c]
			}
		}
	}
	return u
}

// convGradWeight takes convolutions of one group over one or two spatial axes.
func convGradWeight(_ *rewriter, b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, x := n.Inputs[0], n.Inputs[1]
	dw := n.Ints("shape")
	rank := len(dw) - 2
	if n.Int("group", 1) != 1 || rank > 2 || x.DType != graph.Float32 {
		return nil
	}
	batch, in, out := x.Shape[0].Size, x.Shape[1].Size, dy.Shape[1].Size
	kernel := make([]int, rank)
	for i := range kernel {
		kernel[i] = int(dw[2+i])
	}
	w, err := op.WindowOf(n, x.Shape[2:].Sizes(), kernel)
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	if rank == 1 { // a first axis of extent 1
		w = op.Window{In: []int{1, w.In[0]}, Kernel: []int{1, kernel[0]}, Out: []int{1, w.Out[0]},
			Strides: []int{1, w.Strides[0]}, Dilations: []int{1, w.Dilations[0]}, Begin: []int{0, w.Begin[0]}, End: []int{0, w.End[0]}}
	}
	height, width := w.Out[0], w.Out[1] // of the positions that the product sums over
	rows, columns := out, w.Kernel[1]*in
	if plain := w.Kernel[1] == 1 && w.In[1] == w.Out[1]; !plain {
		x = b.Op("MatMul", nil, reshape(b, x, batch, 1, in*w.In[0], w.In[1]), b.Const("shift", shift(w, 1))) // [N,kw,C·H,width]
	}
	switch {
	case w.Kernel[0] == 1 && w.In[0] == w.Out[0]:
	case w.Strides[0] == 1:
		// dY spread to X's rows: [N,O,kh·H,width]
		height, rows = w.In[0], w.Kernel[0]*out
		spread := b.Const("shift", shift(w, 0).Reshaped(w.Kernel[0]*w.In[0], w.Out[0]))
		dy = b.Op("MatMul", nil, spread, dy)
	default:
		// X's rows picked: [N,kw·C,kh·height,width]
		columns *= w.Kernel[0]
		pick := b.Const("shift", transposed(shift(w, 0)).Reshaped(w.Kernel[0]*w.Out[0], w.In[0]))
		x = b.Op("MatMul", nil, pick, reshape(b, x, batch, w.Kernel[1]*in, w.In[0], width))
	}
	x = b.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 1}}, reshape(b, x, batch, columns, height*width))
	products := b.Op("MatMul", nil, reshape(b, dy, batch, rows, height*width), x)
	sum := b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, products, b.Ints(0)) // [O·kh,kw·C] or [O,kw·C·kh]
	perm := []int64{0, 3, 1, 2}
	dims := []int{out, w.Kernel[0], w.Kernel[1], in}
	if rows == out && w.Kernel[0] > 1 {
		perm, dims = []int64{0, 2, 3, 1}, []int{out, w.Kernel[1], in, w.Kernel[0]}
	}
	sum = b.Op("Transpose", graph.Attrs{"perm": perm}, reshape(b, sum, dims...))
	shape := append([]int{out, in}, kernel...)
	return []*graph.Value{reshape(b, sum, shape...)}
}

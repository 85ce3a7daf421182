package ort

import (
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// A weight gradient sums, for every kernel offset, the products of dY with X shifted by it. Here the copies of X, one
// per offset along the last axis, and those of dY, one per offset along the first, come out of matrix products with
// matrices of zeros and ones, or, where the matrices were large, of depthwise convolutions with such weights. ONNX
// Runtime spreads both over the threads; its Pad, Slice and Concat take one. One batched product over all of them
// follows.

// wide is the extent from which on shifting by a depthwise convolution is faster: its cost does not grow with the
// extent.
const wide = 32

// shift is the matrices that select, for every kernel offset along spatial axis i, the input position that each
// output position meets there: [kernel, in, out], or zero for padding.
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

// oneHot is the weights of a depthwise convolution that gives, for every channel, its input at each of the kernel's
// positions, in order or reversed: [channels·kernel,1,height,width].
func oneHot(channels, kernel, height, width int, reversed bool) *graph.Tensor {
	t := graph.NewTensor(graph.Float32, channels*kernel, 1, height, width)
	for c := range channels {
		for k := range kernel {
			at := k
			if reversed {
				at = kernel - 1 - k
			}
			t.Float32s()[(c*kernel+k)*kernel+at] = 1
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

// convGradWeightByShift takes convolutions of one group over one or two spatial axes.
func (r *rewriter) convGradWeightByShift(b *graph.Builder, n *graph.Node) []*graph.Value {
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
			Strides: []int{1, w.Strides[0]}, Dilations: []int{1, w.Dilations[0]}, Begin: []int{0, w.Begin[0]},
			End: []int{0, w.End[0]}}
		x, dy = reshape(b, x, batch, in, 1, w.In[1]), reshape(b, dy, batch, out, 1, w.Out[1])
	}
	height, width := w.Out[0], w.Out[1] // of the positions that the product sums over
	rows, columns := out, w.Kernel[1]*in
	offsets := []string{"kw", "C"} // the order of columns
	switch {
	case w.Kernel[1] == 1 && w.In[1] == w.Out[1]:
	case w.In[1] >= wide:
		offsets = []string{"C", "kw"}
		taps := b.Const("shift", oneHot(in, w.Kernel[1], 1, w.Kernel[1], false))
		x = b.Op("Conv", graph.Attrs{"group": int64(in), "kernel_shape": []int64{1, int64(w.Kernel[1])},
			"strides":   []int64{1, int64(w.Strides[1])},
			"dilations": []int64{1, int64(w.Dilations[1])}, "pads": []int64{0, int64(w.Begin[1]), 0, int64(w.End[1])}}, x, taps)
	default:
		x = b.Op("MatMul", nil, reshape(b, x, batch, 1, in*w.In[0], w.In[1]), b.Const("shift", shift(w, 1)))
	}
	before := (w.Kernel[0]-1)*w.Dilations[0] - w.Begin[0] // the padding with which shifts of dY cover X's rows
	after := (w.Kernel[0]-1)*w.Dilations[0] - w.End[0]
	switch {
	case w.Kernel[0] == 1 && w.In[0] == w.Out[0]:
	case w.Strides[0] == 1:
		// dY spread to X's rows: [N,O·kh,H,width]
		height, rows = w.In[0], w.Kernel[0]*out
		if w.In[0] >= wide && before >= 0 && after >= 0 {
			taps := b.Const("shift", oneHot(out, w.Kernel[0], w.Kernel[0], 1, true))
			dy = b.Op("Conv", graph.Attrs{"group": int64(out), "kernel_shape": []int64{int64(w.Kernel[0]), 1},
				"dilations": []int64{int64(w.Dilations[0]), 1}, "pads": []int64{int64(before), 0, int64(after), 0}}, dy, taps)
		} else {
			dy = b.Op("MatMul", nil, b.Const("shift", shift(w, 0).Reshaped(w.Kernel[0]*w.In[0], w.Out[0])), dy)
		}
	default:
		// X's rows picked: [N,columns·kh,height,width]
		offsets = append(offsets, "kh")
		pick := b.Const("shift", transposed(shift(w, 0)).Reshaped(w.Kernel[0]*w.Out[0], w.In[0]))
		x = b.Op("MatMul", nil, pick, reshape(b, x, batch, columns, w.In[0], width))
		columns *= w.Kernel[0]
	}
	sum := productOverBatch(b, reshape(b, dy, batch, rows, height*width), reshape(b, x, batch, columns, height*width))
	if rows > out {
		offsets = append([]string{"kh"}, offsets...)
	}
	sum = arrange(b, sum, out, offsets, map[string]int{"C": in, "kw": w.Kernel[1], "kh": w.Kernel[0]})
	return []*graph.Value{reshape(b, sum, append([]int{out, in}, kernel...)...)}
}

// arrange turns sums [O,…], whose other axes are so named and have these extents, into the order O, C, kh, kw.
func arrange(b *graph.Builder, sum *graph.Value, out int, axes []string, extent map[string]int) *graph.Value {
	dims, perm := []int{out}, []int64{0}
	for _, axis := range axes {
		dims = append(dims, extent[axis])
	}
	for _, axis := range []string{"C", "kh", "kw"} {
		if i := slices.Index(axes, axis); i >= 0 {
			perm = append(perm, int64(1+i))
		}
	}
	return b.Op("Transpose", graph.Attrs{"perm": perm}, reshape(b, sum, dims...))
}

// productOverBatch sums y[n,r,s]·x[n,c,s] over n and s, [r,c]: by one product per sample and a sum, or, where the
// products were large beside what they are made of, by one product of the samples side by side.
func productOverBatch(b *graph.Builder, y, x *graph.Value) *graph.Value {
	batch, rows, columns, space := y.Shape[0].Size, y.Shape[1].Size, x.Shape[1].Size, y.Shape[2].Size
	transposed := graph.Attrs{"perm": []int64{0, 2, 1}}
	if rows*columns <= 2*(rows+columns)*space {
		products := b.Op("MatMul", nil, y, b.Op("Transpose", transposed, x))
		return b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, products, b.Ints(0))
	}
	side := func(v *graph.Value, extent int) *graph.Value {
		return reshape(b, b.Op("Transpose", graph.Attrs{"perm": []int64{1, 0, 2}}, v), extent, batch*space)
	}
	return b.Op("MatMul", nil, side(y, rows), b.Op("Transpose", graph.Attrs{"perm": []int64{1, 0}}, side(x, columns)))
}

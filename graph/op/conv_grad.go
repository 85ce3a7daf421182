package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// The gradients of Conv, as macro ops. Both have Conv's attributes, pads explicit, and "shape", that of what they give.
//
//	ConvGradInput(dY [N,O,out…], W [O,C/g,kernel…]) → dX [N,C,in…]
//	ConvGradWeight(dY [N,O,out…], X [N,C,in…]) → dW [O,C/g,kernel…]

// shapeAttribute is the shape rule of a macro op whose output has the shape that an attribute lists, and the dtype of
// the first input.
func shapeAttribute(n *graph.Node) ([]Type, error) {
	dims := n.Ints("shape")
	shape := make(graph.Shape, len(dims))
	for i, d := range dims {
		if d < 0 || d > math.MaxInt32 {
			return nil, Errorf(n, ErrMalformed, "shape %v", dims)
		}
		shape[i] = graph.D(int(d))
	}
	if r := n.Inputs[0].Shape.Rank(); r >= 0 && r != len(dims) {
		return nil, Errorf(n, ErrMalformed, "shape %v", dims)
	}
	return []Type{{DType: n.Inputs[0].DType, Shape: shape}}, nil
}

// convGradShape also checks that the shapes, static ones, are those of a convolution.
func convGradShape(n *graph.Node) ([]Type, error) {
	t, err := shapeAttribute(n)
	if err != nil {
		return nil, err
	}
	y, x, w := n.Inputs[0].Shape.Sizes(), t[0].Shape.Sizes(), n.Inputs[1].Shape.Sizes()
	if n.Op == "ConvGradWeight" {
		x, w = w, x
	}
	if len(x) < 3 || len(y) != len(x) || len(w) != len(x) || min(x[1], w[1]) == 0 || x[1]%w[1] != 0 ||
		int64(x[1]/w[1]) != n.Int("group", 1) || w[0]%(x[1]/w[1]) != 0 {
		return nil, Errorf(n, ErrMalformed, "shape %v", n.Ints("shape"))
	}
	_, err = convGradWindow(n, y, x, w)
	return t, err
}

// convGradMACs is what the convolution itself takes: one multiply-add per element of dY and weight of its channel.
func convGradMACs(n *graph.Node) int64 {
	w := n.Inputs[1].Shape
	if n.Op == "ConvGradWeight" {
		w = n.Outputs[0].Shape
	}
	return int64(n.Inputs[0].Shape.Elements()) * int64(w[1:].Elements())
}

func convGradInputEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	dy, w, x := in[0], in[1], sizes(n.Ints("shape"))
	win, err := convGradWindow(n, dy.Dims, x, w.Dims)
	if err != nil {
		return nil, err
	}
	dx := make([]float64, graph.Product(x))
	dys, ws := dy.Values(), w.Values()
	convTerms(win, x, w.Dims, func(iy, iw, ix int) { dx[ix] += dys[iy] * ws[iw] })
	return []*graph.Tensor{graph.FromValues(dy.DType, x, dx)}, nil
}

func convGradWeightEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	dy, x, w := in[0], in[1], sizes(n.Ints("shape"))
	win, err := convGradWindow(n, dy.Dims, x.Dims, w)
	if err != nil {
		return nil, err
	}
	dw := make([]float64, graph.Product(w))
	dys, xs := dy.Values(), x.Values()
	convTerms(win, x.Dims, w, func(iy, iw, ix int) { dw[iw] += dys[iy] * xs[ix] })
	return []*graph.Tensor{graph.FromValues(dy.DType, w, dw)}, nil
}

// convGradWindow is the geometry of the convolution x ∗ w → y that is differentiated.
func convGradWindow(n *graph.Node, y, x, w []int) (Window, error) {
	win, err := WindowOf(n, x[2:], w[2:])
	if err == nil && (!slices.Equal(win.Out, y[2:]) || y[0] != x[0] || y[1] != w[0]) {
		err = Errorf(n, ErrMalformed, "%v is not the result of convolving %v with %v", y, x, w)
	}
	return win, err
}

// convGradInputLower is, at stride 1, the convolution of dY with the flipped weights, input and output channels
// swapped; otherwise a ConvTranspose.
func convGradInputLower(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, w, x := n.Inputs[0], n.Inputs[1], sizes(n.Ints("shape"))
	win, err := convGradWindow(n, dy.Shape.Sizes(), x, w.Shape.Sizes())
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	full := win // the padding that reaches every window that an input position lies in
	full.Begin, full.End = make([]int, len(win.In)), make([]int, len(win.In))
	asConv := true
	for i := range win.In {
		full.Begin[i] = win.span(i) - 1 - win.Begin[i]
		full.End[i] = win.span(i) - 1 - win.End[i]
		asConv = asConv && win.Strides[i] == 1 && full.Begin[i] >= 0 && full.End[i] >= 0
	}
	if asConv {
		return []*graph.Value{b.Op("Conv", full.attrs(n, nil), dy, flipped(b, w, int(n.Int("group", 1))))}
	}
	attrs := win.attrs(n, nil)
	extra := make([]int64, len(win.In)) // what the last window leaves over
	for i, in := range win.In {
		extra[i] = int64((in + win.Begin[i] + win.End[i] - win.span(i)) % win.Strides[i])
	}
	attrs["output_padding"] = extra
	return []*graph.Value{b.Op("ConvTranspose", attrs, dy, w)}
}

// flipped turns w: [g·O,C,kernel…] into [g·C,O,kernel…], every spatial axis reversed.
func flipped(b *graph.Builder, w *graph.Value, group int) *graph.Value {
	d := w.Shape.Sizes()
	perm := []int64{0, 2, 1}
	var axes, starts, ends, steps []int64
	for i, k := range d[2:] {
		perm = append(perm, int64(i+3))
		if k > 1 {
			axes, starts, ends, steps = append(axes, int64(i+2)), append(starts, -1), append(ends, int64(-k-1)),
				append(steps, -1)
		}
	}
	if len(axes) > 0 {
		w = b.Op("Slice", nil, w, b.Ints(starts...), b.Ints(ends...), b.Ints(axes...), b.Ints(steps...))
	}
	w = reshape(b, w, slices.Concat([]int{group, d[0] / group, d[1]}, d[2:])...)
	w = b.Op("Transpose", graph.Attrs{"perm": perm}, w)
	return reshape(b, w, slices.Concat([]int{group * d[1], d[0] / group}, d[2:])...)
}

func convGradWeightLower(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, x, w := n.Inputs[0], n.Inputs[1], sizes(n.Ints("shape"))
	win, err := convGradWindow(n, dy.Shape.Sizes(), x.Shape.Sizes(), w)
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	channels := x.Shape[1].Size
	x = pad(b, x, slices.Concat([]int{0, 0}, win.Begin), slices.Concat([]int{0, 0}, win.End))
	if w[1] == 1 && w[0] == channels {
		return []*graph.Value{depthwiseShifts(b, dy, x, win, w)}
	}
	return []*graph.Value{separableShifts(b, dy, x, win, w, channels/w[1])}
}

// pad appends zeros before and after each axis.
func pad(b *graph.Builder, v *graph.Value, begin, end []int) *graph.Value {
	if slices.Max(begin) == 0 && slices.Max(end) == 0 {
		return v
	}
	return b.Op("Pad", nil, v, b.Ints(int64s(slices.Concat(begin, end))...))
}

// cut takes count positions of an axis, from start on, step apart.
func cut(b *graph.Builder, v *graph.Value, axis, start, count, step int) *graph.Value {
	end := start + (count-1)*step + 1
	if start == 0 && step == 1 && v.Shape.Rank() > axis && v.Shape[axis].Is(end) {
		return v
	}
	return b.Op("Slice", nil, v, b.Ints(int64(start)), b.Ints(int64(end)), b.Ints(int64(axis)), b.Ints(int64(step)))
}

// concat joins values along an axis.
func concat(b *graph.Builder, axis int, vs []*graph.Value) *graph.Value {
	if len(vs) == 1 {
		return vs[0]
	}
	return b.Op("Concat", graph.Attrs{"axis": int64(axis)}, vs...)
}

// depthwiseShifts multiplies dY with the padded X once per kernel offset, shifted, and sums over batch and space.
func depthwiseShifts(b *graph.Builder, dy, x *graph.Value, win Window, w []int) *graph.Value {
	columns := make([]*graph.Value, graph.Product(win.Kernel))
	for k := range columns {
		shifted := x
		rest := k
		for i := len(win.Kernel) - 1; i >= 0; i-- {
			shifted = cut(b, shifted, 2+i, rest%win.Kernel[i]*win.Dilations[i], win.Out[i], win.Strides[i])
			rest /= win.Kernel[i]
		}
		columns[k] = reshape(b, sumPerChannel(b, b.Op("Mul", nil, dy, shifted)), w[0], 1)
	}
	return reshape(b, concat(b, 1, columns), w...)
}

// separableShifts computes the weight gradient as one batched matrix product over all kernel offsets at once. The
// copies of X, one per offset along an axis, are joined on the channels, one axis after the other, so that k+k copies
// do for k·k offsets; with stride 1 along the first spatial axis, the copies along it are of dY, shifted the other way,
// so that neither side grows by more than k.
func separableShifts(b *graph.Builder, dy, x *graph.Value, win Window, w []int, group int) *graph.Value {
	rank, batch := len(win.Kernel), dy.Shape[0].Size
	out, in := w[0]/group, w[1]  // channels per group
	extents := make([]int, rank) // of x, padded
	for i := range extents {
		extents[i] = win.In[i] + win.Begin[i] + win.End[i]
	}
	// [N,g,channels,spatial…]; shifts are joined on axis 2
	x = reshape(b, x, slices.Concat([]int{batch, group, in}, extents)...)
	dy = reshape(b, dy, slices.Concat([]int{batch, group, out}, win.Out)...)
	// of the product, and what it sums over
	rows, columns, space := out, in*graph.Product(win.Kernel), graph.Product(win.Out)
	shiftY := rank > 1 && win.Strides[0] == 1 && win.Kernel[0] > 1
	if shiftY {
		rows, columns, space = out*win.Kernel[0], columns/win.Kernel[0], space/win.Out[0]*extents[0]
	}
	for i := rank - 1; i >= 0; i-- {
		shifts := make([]*graph.Value, win.Kernel[i])
		for k := range shifts {
			at := k * win.Dilations[i]
			if i == 0 && shiftY {
				begin, end := make([]int, 3+rank), make([]int, 3+rank)
				begin[3], end[3] = at, extents[0]-win.Out[0]-at
				shifts[k] = pad(b, dy, begin, end)
			} else {
				shifts[k] = cut(b, x, 3+i, at, win.Out[i], win.Strides[i])
			}
		}
		if i == 0 && shiftY {
			dy = concat(b, 2, shifts)
		} else {
			x = concat(b, 2, shifts)
		}
	}
	dy, x = reshape(b, dy, batch, group, rows, space), reshape(b, x, batch, group, columns, space)
	dw := productOverBatch(b, dy, x, []int{batch, group, rows, columns, space})
	// [g, k₀·O/g or O/g, the other offsets·C/g] → [O,C/g,kernel…]
	dims, perm := []int{group, out}, []int64{0, 1, int64(rank + 2), 2}
	if shiftY {
		dims, perm = []int{group, win.Kernel[0], out}, []int64{0, 2, int64(rank + 2), 1}
		dims = append(dims, win.Kernel[1:]...)
	} else {
		dims = append(dims, win.Kernel...)
	}
	for i := 1; i < rank; i++ {
		perm = append(perm, int64(i+2))
	}
	return reshape(b, b.Op("Transpose", graph.Attrs{"perm": perm}, reshape(b, dw, append(dims, in)...)), w...)
}

// productOverBatch computes Σ over n and s of y[n,g,r,s]·x[n,g,c,s], [g,r,c], of the extents n, g, r, c, s: as one
// product per sample and a sum, or, where the products are much larger than what they are made of, by transposing the
// samples side by side.
func productOverBatch(b *graph.Builder, y, x *graph.Value, extents []int) *graph.Value {
	batch, group, rows, columns, space := extents[0], extents[1], extents[2], extents[3], extents[4]
	if rows*columns <= 2*(rows+columns)*space {
		products := b.Op("MatMul", nil, y, swapLast(b, x, 4))
		return b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, products, b.Ints(0))
	}
	y = b.Op("Transpose", graph.Attrs{"perm": []int64{1, 2, 0, 3}}, y)
	x = b.Op("Transpose", graph.Attrs{"perm": []int64{1, 0, 3, 2}}, x)
	return b.Op("MatMul", nil, reshape(b, y, group, rows, batch*space), reshape(b, x, group, batch*space, columns))
}

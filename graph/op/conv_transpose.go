package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// ConvTranspose is the adjoint of Conv: it maps what a convolution gives back to the shape of what it reads.
// X: [N,C,in…], W: [C,M/g,kernel…], B: [M] or absent → Y: [N,M,out…] with
// out = stride·(in−1) + output_padding + dilation·(kernel−1) + 1 − begin − end.
// https://onnx.ai/onnx/operators/onnx__ConvTranspose.html, opset 1 on.

// TransposedWindowOf gives the geometry of the convolution that a ConvTranspose is the adjoint of: In is the extents of
// Y, Out those of X, which are given. auto_pad and output_shape are resolved.
func TransposedWindowOf(n *graph.Node, x, kernel []int) (Window, error) {
	s, err := slidingOf(n, kernel, len(x))
	if err != nil {
		return Window{}, err
	}
	for _, name := range []string{"output_padding", "output_shape"} {
		if given := n.Ints(name); len(given) != 0 && len(given) != len(x) {
			return Window{}, Errorf(n, ErrMalformed, "%s %v for %d spatial axes", name, given, len(x))
		}
	}
	w := Window{Kernel: kernel, Out: x, Strides: s.strides, Dilations: s.dilations}
	for i, extent := range x {
		y, begin, end, err := s.resolveTransposed(n, i, extent)
		if err != nil {
			return Window{}, err
		}
		w.In, w.Begin, w.End = append(w.In, y), append(w.Begin, begin), append(w.End, end)
	}
	return w, nil
}

// resolveTransposed gives output extent and padding of spatial axis i.
func (s sliding) resolveTransposed(n *graph.Node, i, x int) (y, begin, end int, err error) {
	if x < 1 || x > math.MaxInt32 {
		return 0, 0, 0, Errorf(n, ErrMalformed, "extent %d of spatial axis %d", x, i)
	}
	extra := 0
	if given := n.Ints("output_padding"); len(given) > 0 {
		if given[i] < 0 || given[i] > math.MaxInt32 {
			return 0, 0, 0, Errorf(n, ErrMalformed, "output_padding %v", given)
		}
		extra = int(given[i])
	}
	whole := s.strides[i]*(x-1) + extra + s.span(i) // without padding
	begin, end = s.begin[i], s.end[i]
	y = whole - begin - end
	given := n.Ints("output_shape")
	if len(given) > 0 || s.auto != "NOTSET" {
		y = x * s.strides[i]
		if len(given) > 0 {
			y = int(given[i])
		}
		pad := max(0, whole-y)
		if y > whole+s.strides[i] {
			return 0, 0, 0, Errorf(n, ErrMalformed, "output extent %d of spatial axis %d, the windows cover %d", y, i, whole)
		}
		begin, end = pad-pad/2, pad/2
		if s.auto == "SAME_UPPER" {
			begin, end = end, begin
		}
	}
	if y < 1 {
		return 0, 0, 0, Errorf(n, ErrMalformed, "output extent %d of spatial axis %d", y, i)
	}
	return y, begin, end, nil
}

// explicitTransposed upgrades a node whose auto_pad or output_shape can be resolved to one with pads.
func explicitTransposed(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
	x, k := n.Input(0), weightKernel(n)
	if n.String("auto_pad", "NOTSET") == "NOTSET" && !n.Has("output_shape") || x == nil || k == nil ||
		x.Shape.Rank() < 3 || !x.Shape[2:].Static() {
		return nil
	}
	w, err := TransposedWindowOf(n, x.Shape[2:].Sizes(), k)
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	beyond := make([]int64, len(w.In)) // what no window covers, at the end
	for i := range beyond {
		beyond[i] = int64(w.In[i] + w.Begin[i] + w.End[i] - w.Strides[i]*(w.Out[i]-1) - w.span(i))
	}
	attrs := withAttrs(n, graph.Attrs{"auto_pad": nil, "output_shape": nil, "output_padding": beyond, "pads": w.pads()})
	return []*graph.Value{b.Op(n.Op, attrs, n.Inputs...)}
}

func convTransposeShape(n *graph.Node) ([]Type, error) {
	x, w := n.Inputs[0], n.Inputs[1]
	if err := checkConv(n, 0, 1); err != nil {
		return nil, err
	}
	if x.Shape == nil || w.Shape == nil {
		return []Type{{DType: x.DType}}, nil
	}
	out := graph.Shape{x.Shape[0], graph.Unknown}
	if w.Shape[1].Known() {
		out[1] = graph.D(w.Shape[1].Size * int(n.Int("group", 1)))
	}
	spatial, kernel := x.Shape[2:].Sizes(), weightKernel(n)
	if spatial == nil || kernel == nil {
		for range x.Shape[2:] {
			out = append(out, graph.Unknown)
		}
		return []Type{{DType: x.DType, Shape: out}}, nil
	}
	win, err := TransposedWindowOf(n, spatial, kernel)
	return []Type{{DType: x.DType, Shape: append(out, graph.Dims(win.In...)...)}}, err
}

// convTransposeMACs counts one multiply-add per input element and weight that reads it.
func convTransposeMACs(n *graph.Node) int64 {
	return int64(n.Inputs[0].Shape.Elements()) * int64(n.Inputs[1].Shape[1:].Elements())
}

// convTransposeChannels couples X's channels with W's axis 0 and Y's with W's axis 1; a grouped one is left whole.
func convTransposeChannels(c *Coupling, n *graph.Node) {
	x, w, y := n.Inputs[0], n.Inputs[1], n.Outputs[0]
	c.tie(x, 0, y, 0)
	if n.Int("group", 1) != 1 {
		return
	}
	c.tie(x, 1, w, 0)
	c.tie(w, 1, y, 1)
	if bias := n.Input(2); bias != nil {
		c.tie(bias, 0, y, 1)
	}
	c.MarkSource(w, 1)
}

// The gradient of an adjoint is the convolution itself: dX = Conv(dY, W), and dW is that of the convolution that reads
// dY and gives X.
func convTransposeGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, w := n.Inputs[0], n.Inputs[1]
	win, err := TransposedWindowOf(n, x.Shape[2:].Sizes(), weightKernel(n))
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	for i := range win.In {
		if win.In[i]+win.Begin[i]+win.End[i]-win.span(i) >= win.Strides[i]*win.Out[i] {
			b.Fail("%w", Errorf(n, ErrUnsupported, "output_padding of spatial axis %d is not below the stride", i))
			return nil
		}
	}
	grads := []*graph.Value{
		b.Op("Conv", win.attrs(n, nil), dy[0], w),
		b.Op("ildc.ConvGradWeight", win.attrs(n, w.Shape.Sizes()), x, dy[0]),
	}
	if n.Input(2) != nil {
		grads = append(grads, sumPerChannel(b, dy[0]))
	}
	return grads
}

func convTransposeEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x, w := in[0], in[1]
	win, err := TransposedWindowOf(n, x.Dims[2:], w.Dims[2:])
	if err != nil {
		return nil, err
	}
	dims := slices.Concat([]int{x.Dims[0], w.Dims[1] * int(n.Int("group", 1))}, win.In)
	y := biased(in, dims)
	xs, ws := x.Values(), w.Values()
	convTerms(win, dims, w.Dims, func(ix, iw, iy int) { y[iy] += ws[iw] * xs[ix] })
	return []*graph.Tensor{graph.FromValues(x.DType, dims, y)}, nil
}

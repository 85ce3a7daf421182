package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// The gradients of pools, as macro ops with the pool's attributes, pads explicit.
//
//	MaxPoolGrad(dY [N,C,out…], X [N,C,in…]) → dX [N,C,in…]: to the first maximum of each window
//	AveragePoolGrad(dY [N,C,out…]) → dX, of the attribute "shape"

func maxPoolGradShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[1]
	return []Type{{DType: x.DType, Shape: x.Shape.Clone()}}, checkPoolGrad(n, x.Shape)
}

func averagePoolGradShape(n *graph.Node) ([]Type, error) {
	t, err := shapeAttribute(n)
	if err != nil {
		return nil, err
	}
	return t, checkPoolGrad(n, t[0].Shape)
}

// checkPoolGrad reports shapes, static ones, that are not those of a pool over [N,C,in…].
func checkPoolGrad(n *graph.Node, in graph.Shape) error {
	x, y := in.Sizes(), n.Inputs[0].Shape.Sizes()
	if len(x) < 3 || len(y) != len(x) {
		return Errorf(n, ErrMalformed, "the gradient of a pool over %v", in)
	}
	win, err := WindowOf(n, x[2:], poolKernel(n))
	if err == nil && !slices.Equal(y, slices.Concat(x[:2], win.Out)) {
		err = Errorf(n, ErrMalformed, "the gradient of a pool over %v", in)
	}
	return err
}

// poolAttrs are those of a pool over this window.
func (w Window) poolAttrs(n *graph.Node) graph.Attrs {
	return graph.Attrs{
		"kernel_shape": int64s(w.Kernel), "strides": int64s(w.Strides), "dilations": int64s(w.Dilations),
		"pads": w.pads(), "ceil_mode": n.Int("ceil_mode", 0),
	}
}

func maxPoolGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	win, err := WindowOf(n, x.Shape[2:].Sizes(), poolKernel(n))
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	return []*graph.Value{b.Op("ildc.MaxPoolGrad", win.poolAttrs(n), dy[0], x)}
}

func globalMaxPoolGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	return []*graph.Value{b.Op("ildc.MaxPoolGrad", graph.Attrs{"kernel_shape": int64s(x.Shape[2:].Sizes())}, dy[0], x)}
}

func averagePoolGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	win, err := WindowOf(n, x.Shape[2:].Sizes(), poolKernel(n))
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	attrs := win.poolAttrs(n)
	attrs["count_include_pad"], attrs["shape"] = n.Int("count_include_pad", 0), int64s(x.Shape.Sizes())
	return []*graph.Value{b.Op("ildc.AveragePoolGrad", attrs, dy[0])}
}

// Every element of a plane has the same share in its average.
func globalAveragePoolGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	share := b.Op("Mul", nil, dy[0], b.Scalar(dy[0].DType, 1/float64(x.Shape[2:].Elements())))
	return []*graph.Value{b.Op("Expand", nil, share, b.Ints(int64s(x.Shape.Sizes())...))}
}

func maxPoolGradEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[1]
	win, err := WindowOf(n, x.Dims[2:], poolKernel(n))
	if err != nil {
		return nil, err
	}
	at, err := firstMaxima(n, x, win)
	if err != nil {
		return nil, err
	}
	dy, dx := in[0].Values(), make([]float64, x.Len())
	for i, p := range at {
		dx[p] += dy[i]
	}
	return []*graph.Tensor{graph.FromValues(x.DType, x.Dims, dx)}, nil
}

func averagePoolGradEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	dims := sizes(n.Ints("shape"))
	win, err := WindowOf(n, dims[2:], poolKernel(n))
	if err != nil {
		return nil, err
	}
	share, err := win.shares(n)
	if err != nil {
		return nil, err
	}
	dy, dx := in[0].Values(), make([]float64, graph.Product(dims))
	plane := graph.Product(win.In)
	for _, tap := range win.taps() {
		for i := range dy {
			if at := tap[i%len(share)]; at >= 0 {
				dx[i/len(share)*plane+at] += dy[i] * share[i%len(share)]
			}
		}
	}
	return []*graph.Tensor{graph.FromValues(in[0].DType, dims, dx)}, nil
}

// maxPoolGradLower takes the positions of the maxima from MaxPool. Where windows are disjoint, every position is
// compared with that of its window's maximum, which is deterministic everywhere; where they overlap, the gradients are
// scattered and added.
func maxPoolGradLower(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, x := n.Inputs[0], n.Inputs[1]
	dims := x.Shape.Sizes()
	win, err := WindowOf(n, dims[2:], poolKernel(n))
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	at := b.Ops("MaxPool", 2, win.poolAttrs(n), x)[1]
	zero := b.Scalar(x.DType, 0)
	if !win.disjoint() {
		total := graph.Product(dims)
		windows := dy.Shape.Elements()
		base := b.Op("Expand", nil, zero, b.Ints(int64(total)))
		add := graph.Attrs{"axis": int64(0), "reduction": "add"}
		dx := b.Op("ScatterElements", add, base, reshape(b, at, windows), reshape(b, dy, windows))
		return []*graph.Value{reshape(b, dx, dims...)}
	}
	planes := make([]int64, dims[0]*dims[1]) // the first position of each plane
	for i := range planes {
		planes[i] = int64(i * graph.Product(win.In))
	}
	first := b.Const("planes", graph.FromInt64(append(dims[:2:2], slices.Repeat([]int{1}, 2*len(win.In))...), planes))
	own := b.Const("positions", win.positions())
	hit := b.Op("Equal", nil, b.Op("Sub", nil, win.spread(b, at, dims), first), own)
	return []*graph.Value{win.fold(b, b.Op("Where", nil, hit, win.spread(b, dy, dims), zero), dims)}
}

// averagePoolGradLower gives every element of a window its share. Where windows are disjoint, by Expand; where they
// overlap, by a depthwise ConvTranspose with weights of one.
func averagePoolGradLower(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, dims := n.Inputs[0], sizes(n.Ints("shape"))
	win, err := WindowOf(n, dims[2:], poolKernel(n))
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	share, err := win.shares(n)
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	part := b.Op("Mul", nil, dy, b.Const("shares", graph.FromValues(dy.DType, slices.Concat([]int{1, 1}, win.Out), share)))
	if win.disjoint() {
		to := dims[:2:2]
		for i := range win.In {
			to = append(to, win.Out[i], win.Kernel[i])
		}
		return []*graph.Value{win.fold(b, b.Op("Expand", nil, win.spread(b, part, dims), b.Ints(int64s(to)...)), dims)}
	}
	end, extra := make([]int, len(win.In)), make([]int64, len(win.In))
	for i, in := range win.In {
		beyond := win.Strides[i]*(win.Out[i]-1) + win.span(i) - win.Begin[i] - in // of the last window
		end[i], extra[i] = max(beyond, 0), int64(max(-beyond, 0))
	}
	ones := slices.Repeat([]float64{1}, dims[1]*graph.Product(win.Kernel))
	weight := b.Const("ones", graph.FromValues(dy.DType, slices.Concat([]int{dims[1], 1}, win.Kernel), ones))
	attrs := graph.Attrs{
		"group": int64(dims[1]), "kernel_shape": int64s(win.Kernel), "strides": int64s(win.Strides),
		"dilations": int64s(win.Dilations),
		"pads":      append(int64s(win.Begin), int64s(end)...), "output_padding": extra,
	}
	return []*graph.Value{b.Op("ConvTranspose", attrs, part, weight)}
}

// disjoint says whether windows lie side by side, without gaps between them or inside.
func (w Window) disjoint() bool {
	for i := range w.In {
		if w.Out[i] > 1 && w.Strides[i] != w.Kernel[i] || w.Kernel[i] > 1 && w.Dilations[i] != 1 {
			return false
		}
	}
	return true
}

// spread turns [N,C,out₀,out₁…], N and C those of dims, into [N,C,out₀,1,out₁,1…], so that it broadcasts over the
// elements of disjoint windows.
func (w Window) spread(b *graph.Builder, v *graph.Value, dims []int) *graph.Value {
	to := dims[:2:2]
	for _, o := range w.Out {
		to = append(to, o, 1)
	}
	return reshape(b, v, to...)
}

// positions gives the flat position in a plane of each element of disjoint windows, −1 in the padding:
// [out₀,kernel₀,out₁,kernel₁…].
func (w Window) positions() *graph.Tensor {
	var dims []int
	for i := range w.In {
		dims = append(dims, w.Out[i], w.Kernel[i])
	}
	at := make([]int64, graph.Product(dims))
	for i := range at {
		k, o, rest := 0, 0, i
		stepK, stepO := 1, 1
		for axis := len(w.In) - 1; axis >= 0; axis-- {
			k += rest % w.Kernel[axis] * stepK
			rest /= w.Kernel[axis]
			o += rest % w.Out[axis] * stepO
			rest /= w.Out[axis]
			stepK, stepO = stepK*w.Kernel[axis], stepO*w.Out[axis]
		}
		at[i] = int64(w.tap(k, o))
	}
	return graph.FromInt64(dims, at)
}

// fold puts the elements of disjoint windows, [N,C,out₀,kernel₀,out₁,kernel₁…], back in their places in dims,
// [N,C,in…]; zeros where no window is.
func (w Window) fold(b *graph.Builder, v *graph.Value, dims []int) *graph.Value {
	covered := dims[:2:2]
	for i := range w.In {
		covered = append(covered, w.Out[i]*w.Kernel[i])
	}
	v = reshape(b, v, covered...)
	end := make([]int, len(dims))
	for i, in := range w.In {
		count := min(in, covered[2+i]-w.Begin[i])
		v = cut(b, v, 2+i, w.Begin[i], count, 1)
		end[2+i] = in - count
	}
	return pad(b, v, make([]int, len(dims)), end)
}

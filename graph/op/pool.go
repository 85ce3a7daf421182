package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Pooling over the spatial axes. X: [N,C,in…] → Y: [N,C,out…]; the global pools take the whole of each plane.
// MaxPool ignores the padding, and its optional second output holds the flat position in X of each maximum, the first
// where several are equal. AveragePool divides by the number of elements in the window; with count_include_pad, by that
// of positions in the window that lie in the padded input, but not beyond it, where ceil_mode lets the last window
// reach. https://onnx.ai/onnx/operators/onnx__MaxPool.html, https://onnx.ai/onnx/operators/onnx__AveragePool.html.
// Opset 7 brought count_include_pad, 8 the second output, 10 ceil_mode and dilations (AveragePool's 19); all default to
// what was before. Not supported: storage_order 1 with the second output.
func pooling() []*Spec {
	return []*Spec{
		{
			Type: "MaxPool", Role: Pooling, Least: 1, Most: 1, Upgrade: explicitPads(poolKernel), Shape: maxPoolShape,
			Channels: poolChannels, Grad: maxPoolGrad, Eval: maxPoolEval,
		},
		{
			Type: "AveragePool", Role: Pooling, Least: 1, Most: 1, Upgrade: explicitPads(poolKernel), Shape: averagePoolShape,
			Channels: poolChannels, Grad: averagePoolGrad, Eval: averagePoolEval, Tolerance: 1e-5,
		},
		{
			Type: "GlobalMaxPool", Role: Pooling, Least: 1, Most: 1, Shape: globalPoolShape,
			Channels: poolChannels, Grad: globalMaxPoolGrad, Eval: globalMaxPoolEval,
		},
		{
			Type: "GlobalAveragePool", Role: Pooling, Least: 1, Most: 1, Shape: globalPoolShape,
			Channels: poolChannels, Grad: globalAveragePoolGrad, Eval: globalAveragePoolEval, Tolerance: 1e-5,
		},
		{
			Type: "MaxPoolGrad", Domain: Macro, Least: 2, Most: 2, Shape: maxPoolGradShape,
			Eval: maxPoolGradEval, Lower: maxPoolGradLower, Tolerance: 1e-5,
		},
		{
			Type: "AveragePoolGrad", Domain: Macro, Least: 1, Most: 1, Shape: averagePoolGradShape,
			Eval: averagePoolGradEval, Lower: averagePoolGradLower, Tolerance: 1e-5,
		},
	}
}

func poolKernel(n *graph.Node) []int { return sizes(n.Ints("kernel_shape")) }

func maxPoolShape(n *graph.Node) ([]Type, error) {
	if n.Int("storage_order", 0) != 0 && n.Output(1) != nil {
		return nil, Errorf(n, ErrUnsupported, "column-major indices")
	}
	t, err := averagePoolShape(n)
	if err != nil {
		return nil, err
	}
	return append(t, Type{DType: graph.Int64, Shape: t[0].Shape.Clone()}), nil
}

func averagePoolShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	if x.Shape == nil {
		return []Type{{DType: x.DType}}, nil
	}
	if len(x.Shape) < 3 {
		return nil, Errorf(n, ErrMalformed, "want rank 3 or more")
	}
	out, err := slide(n, x.Shape[2:], poolKernel(n))
	return []Type{{DType: x.DType, Shape: append(x.Shape[:2].Clone(), out...)}}, err
}

func globalPoolShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	if x.Shape == nil {
		return []Type{{DType: x.DType}}, nil
	}
	if len(x.Shape) < 3 {
		return nil, Errorf(n, ErrMalformed, "want rank 3 or more")
	}
	shape := x.Shape[:2].Clone()
	for range x.Shape[2:] {
		shape = append(shape, graph.D(1))
	}
	return []Type{{DType: x.DType, Shape: shape}}, nil
}

// poolChannels couples batch and channels. Flat positions, where they are asked for, hold on to every channel.
func poolChannels(c *Coupling, n *graph.Node) {
	if n.Output(1) != nil {
		return
	}
	c.tie(n.Inputs[0], 0, n.Outputs[0], 0)
	c.tie(n.Inputs[0], 1, n.Outputs[0], 1)
}

func maxPoolEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	win, err := WindowOf(n, in[0].Dims[2:], poolKernel(n))
	if err != nil {
		return nil, err
	}
	return maxPool(n, in[0], win)
}

func globalMaxPoolEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	return maxPool(n, in[0], wholePlane(in[0].Dims[2:]))
}

// wholePlane is the one window of a global pool.
func wholePlane(in []int) Window {
	ones, zeros := slices.Repeat([]int{1}, len(in)), make([]int, len(in))
	return Window{In: in, Kernel: in, Out: ones, Strides: ones, Dilations: ones, Begin: zeros, End: zeros}
}

// maxPool gives the maxima, and their flat positions where the node has a second output.
func maxPool(n *graph.Node, x *graph.Tensor, win Window) ([]*graph.Tensor, error) {
	dims := slices.Concat(x.Dims[:2], win.Out)
	at, err := firstMaxima(n, x, win)
	if err != nil {
		return nil, err
	}
	xs, y := x.Values(), make([]float64, len(at))
	for i, p := range at {
		y[i] = xs[p]
	}
	out := []*graph.Tensor{graph.FromValues(x.DType, dims, y)}
	if n.Output(1) != nil {
		out = append(out, graph.FromInt64(dims, int64s(at)))
	}
	return out, nil
}

// firstMaxima gives for each element of a MaxPool's output the flat position in x of the first maximum of its window.
func firstMaxima(n *graph.Node, x *graph.Tensor, win Window) ([]int, error) {
	taps, xs := win.taps(), x.Values()
	plane, windows := graph.Product(win.In), graph.Product(win.Out)
	out := make([]int, x.Dims[0]*x.Dims[1]*windows)
	for i := range out {
		best := -1
		for _, tap := range taps {
			at := tap[i%windows]
			if at < 0 {
				continue
			}
			if at += i / windows * plane; best < 0 || xs[at] > xs[best] {
				best = at
			}
		}
		if best < 0 {
			return nil, inPadding(n)
		}
		out[i] = best
	}
	return out, nil
}

func inPadding(n *graph.Node) error { return Errorf(n, ErrMalformed, "a window lies in the padding") }

func averagePoolEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	win, err := WindowOf(n, in[0].Dims[2:], poolKernel(n))
	if err != nil {
		return nil, err
	}
	return averagePool(n, in[0], win)
}

func globalAveragePoolEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	return averagePool(n, in[0], wholePlane(in[0].Dims[2:]))
}

func averagePool(n *graph.Node, x *graph.Tensor, win Window) ([]*graph.Tensor, error) {
	share, err := win.shares(n)
	if err != nil {
		return nil, err
	}
	xs := x.Values()
	plane := graph.Product(win.In)
	y := make([]float64, x.Dims[0]*x.Dims[1]*len(share))
	for _, tap := range win.taps() {
		for i := range y {
			if at := tap[i%len(share)]; at >= 0 {
				y[i] += xs[i/len(share)*plane+at] * share[i%len(share)]
			}
		}
	}
	return []*graph.Tensor{graph.FromValues(x.DType, slices.Concat(x.Dims[:2], win.Out), y)}, nil
}

// shares gives, for each output position, the weight of one element in the average: one over the number that count.
func (w Window) shares(n *graph.Node) ([]float64, error) {
	includePad := n.Int("count_include_pad", 0) != 0
	out := make([]float64, graph.Product(w.Out))
	for o := range out {
		count, rest := 1, o
		for i := len(w.In) - 1; i >= 0; i-- {
			first, last := 0, w.In[i] // positions from first up to last count
			if includePad {
				first, last = -w.Begin[i], w.In[i]+w.End[i]
			}
			along := 0
			for k := range w.Kernel[i] {
				if p := rest%w.Out[i]*w.Strides[i] + k*w.Dilations[i] - w.Begin[i]; first <= p && p < last {
					along++
				}
			}
			count *= along
			rest /= w.Out[i]
		}
		if count == 0 {
			return nil, inPadding(n)
		}
		out[o] = 1 / float64(count)
	}
	return out, nil
}

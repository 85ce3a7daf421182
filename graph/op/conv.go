package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Convolution over one, two or three spatial axes, with groups, strides, dilations and asymmetric padding.
// X: [N,C,in…], W: [O,C/g,kernel…], B: [O] or absent → Y: [N,O,out…]:
//
//	Y[n,o,p] = B[o] + Σ_{i,k} W[o,i,k] · X[n, ⌊o/(O/g)⌋·C/g + i, p·stride + k·dilation − begin]
//
// https://onnx.ai/onnx/operators/onnx__Conv.html. The form is the same since opset 1; opset 11 spelt out the defaults.
func convolution() []*Spec {
	return []*Spec{
		{
			Type: "Conv", Weights: convWeights, Least: 2, Most: 3, Upgrade: explicitPads(weightKernel), Shape: convShape,
			MACs:     convMACs,
			Channels: convChannels, Grad: convGrad, Eval: convEval, Tolerance: 2e-5,
		},
		{
			Type: "ConvTranspose", Least: 2, Most: 3, Upgrade: explicitTransposed, Shape: convTransposeShape,
			MACs:     convTransposeMACs,
			Channels: convTransposeChannels, Grad: convTransposeGrad, Eval: convTransposeEval, Tolerance: 2e-5,
		},
		{
			Type: "ConvGradInput", Domain: Macro, Least: 2, Most: 2, Shape: convGradShape, MACs: convGradMACs,
			Eval: convGradInputEval, Lower: convGradInputLower, Tolerance: 2e-5,
		},
		{
			Type: "ConvGradWeight", Domain: Macro, Least: 2, Most: 2, Shape: convGradShape, MACs: convGradMACs,
			Eval: convGradWeightEval, Lower: convGradWeightLower, Tolerance: 2e-5,
		},
	}
}

// convWeights: every output reads windows of all channels, but for groups.
func convWeights(n *graph.Node) (outputs int, windows, ok bool) {
	return 0, true, n.Int("group", 1) == 1
}

// weightKernel is the kernel's extents, read off the weight; nil where they are not known.
func weightKernel(n *graph.Node) []int {
	if w := n.Input(1); w != nil && w.Shape.Rank() > 2 {
		return w.Shape[2:].Sizes()
	}
	return nil
}

// checkConv reports a rank, group or bias that contradicts the op. in and out are the axes of W that X's and Y's
// channels lie on.
func checkConv(n *graph.Node, in, out int) error {
	x, w, bias := n.Inputs[0].Shape, n.Inputs[1].Shape, n.Input(2)
	group := n.Int("group", 1)
	switch {
	case group < 1:
		return Errorf(n, ErrMalformed, "group %d", group)
	case x != nil && len(x) < 3:
		return Errorf(n, ErrMalformed, "want rank 3 or more")
	case x != nil && w != nil && len(x) != len(w):
		return Errorf(n, ErrMalformed, "input and weight differ in rank")
	case w != nil && len(w) < 3:
		return Errorf(n, ErrMalformed, "weight: want rank 3 or more")
	case w == nil:
		return nil
	case w[0].Is(0) || w[1].Is(0):
		return Errorf(n, ErrMalformed, "the weight has no channels")
	}
	channels := [2]graph.Dim{w[0], w[1]} // of X and Y: axis 0 counts all of them, axis 1 those of one group
	if w[1].Known() {
		if group > int64(1<<31)/int64(w[1].Size) {
			return Errorf(n, ErrMalformed, "group %d", group)
		}
		channels[1] = graph.D(w[1].Size * int(group))
	}
	if w[0].Known() && int64(w[0].Size)%group != 0 {
		return Errorf(n, ErrMalformed, "%d channels in %d groups", w[0].Size, group)
	}
	if x != nil && x[1].Known() && channels[in].Known() && x[1] != channels[in] {
		return Errorf(n, ErrMalformed, "the weight is for %v channels, the input has %v", channels[in], x[1])
	}
	if bias != nil && bias.Shape != nil && channels[out].Known() &&
		(len(bias.Shape) != 1 || bias.Shape[0].Known() && bias.Shape[0] != channels[out]) {
		return Errorf(n, ErrMalformed, "bias %v: want [%v]", bias.Shape, channels[out])
	}
	if k, given := weightKernel(n), n.Ints("kernel_shape"); k != nil && given != nil && !slices.Equal(int64s(k), given) {
		return Errorf(n, ErrMalformed, "kernel_shape %v", given)
	}
	return nil
}

func convShape(n *graph.Node) ([]Type, error) {
	x, w := n.Inputs[0], n.Inputs[1]
	if err := checkConv(n, 1, 0); err != nil {
		return nil, err
	}
	if x.Shape == nil || w.Shape == nil {
		return []Type{{DType: x.DType}}, nil
	}
	out, err := slide(n, x.Shape[2:], weightKernel(n))
	return []Type{{DType: x.DType, Shape: append(graph.Shape{x.Shape[0], w.Shape[0]}, out...)}}, err
}

// convMACs counts one multiply-add per output element and weight that it reads.
func convMACs(n *graph.Node) int64 {
	return int64(n.Outputs[0].Shape.Elements()) * int64(n.Inputs[1].Shape[1:].Elements())
}

// convChannels couples, in a dense convolution, X's channels with W's axis 1 and Y's with W's axis 0. A grouped one
// keeps equally many channels in each group, the same positions of each. In a depthwise one (one input channel per
// group) a channel of X moves with its group: there is no choice of its own, so W is no source.
func convChannels(c *Coupling, n *graph.Node) {
	x, w, y := n.Inputs[0], n.Inputs[1], n.Outputs[0]
	if x.Shape == nil || !w.Shape.Static() {
		return
	}
	c.tie(x, 0, y, 0)
	c.tie(w, 0, y, 1)
	if bias := n.Input(2); bias != nil {
		c.tie(bias, 0, y, 1)
	}
	group := int(n.Int("group", 1))
	in, out := w.Shape[1].Size, w.Shape[0].Size/group // per group
	switch {
	case group == 1:
		c.tie(x, 1, w, 1)
		c.MarkSource(w, 0)
	case in == 1:
		c.tieTo(w, 0, x, 1, func(o int) int { return o / out })
		c.fix(w, 1, "it is the one input channel of a group")
		c.follow(SizeRef{Node: n, Attr: "group", Of: AxisRef{Value: x, Axis: 1}, Per: 1})
	default:
		c.tieTo(x, 1, w, 1, func(i int) int { return i % in })
		if out == 1 {
			c.fix(w, 0, "it is the one output channel of a group")
			return
		}
		c.tieTo(w, 0, w, 0, func(o int) int { return o % out })
		c.MarkSource(w, 0)
	}
}

func convGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, w := n.Inputs[0], n.Inputs[1]
	win, err := WindowOf(n, x.Shape[2:].Sizes(), weightKernel(n))
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	grads := []*graph.Value{
		b.Op("ildc.ConvGradInput", win.attrs(n, x.Shape.Sizes()), dy[0], w),
		b.Op("ildc.ConvGradWeight", win.attrs(n, w.Shape.Sizes()), dy[0], x),
	}
	if n.Input(2) != nil {
		grads = append(grads, sumPerChannel(b, dy[0]))
	}
	return grads
}

// attrs are those of a convolution over this window, and the shape of what a macro op of its gradient gives, unless
// nil.
func (w Window) attrs(n *graph.Node, shape []int) graph.Attrs {
	attrs := graph.Attrs{
		"kernel_shape": int64s(w.Kernel), "strides": int64s(w.Strides), "dilations": int64s(w.Dilations),
		"pads": w.pads(), "group": n.Int("group", 1),
	}
	if shape != nil {
		attrs["shape"] = int64s(shape)
	}
	return attrs
}

// sumPerChannel sums [N,C,…] over all but the channels.
func sumPerChannel(b *graph.Builder, v *graph.Value) *graph.Value {
	return b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, v, b.Ints(allBut(v.Shape, 1)...))
}

// allBut lists a shape's axes but one.
func allBut(s graph.Shape, axis int) []int64 {
	var axes []int64
	for i := range s {
		if i != axis {
			axes = append(axes, int64(i))
		}
	}
	return axes
}

func convEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x, w := in[0], in[1]
	win, err := WindowOf(n, x.Dims[2:], w.Dims[2:])
	if err != nil {
		return nil, err
	}
	dims := slices.Concat([]int{x.Dims[0], w.Dims[0]}, win.Out)
	y := biased(in, dims)
	xs, ws := x.Values(), w.Values()
	convTerms(win, x.Dims, w.Dims, func(iy, iw, ix int) { y[iy] += ws[iw] * xs[ix] })
	return []*graph.Tensor{graph.FromValues(x.DType, dims, y)}, nil
}

// biased gives [N,O,out…] filled with the bias in[2], zeros where it is absent.
func biased(in []*graph.Tensor, dims []int) []float64 {
	y := make([]float64, graph.Product(dims))
	if len(in) < 3 || in[2] == nil {
		return y
	}
	bias, inner := in[2].Values(), graph.Product(dims[2:])
	for i := range y {
		y[i] = bias[i/inner%dims[1]]
	}
	return y
}

// convTerms visits every product of a convolution x ∗ w: the flat positions in y, w and x. The number of groups follows
// from the dims.
func convTerms(win Window, x, w []int, visit func(iy, iw, ix int)) {
	taps := win.taps()
	out, in := w[0], w[1]
	group := x[1] / in
	nx, ny := graph.Product(win.In), graph.Product(win.Out)
	for batch := range x[0] {
		for o := range out {
			for i := range in {
				c := o/(out/group)*in + i
				for k, tap := range taps {
					for p, at := range tap {
						if at >= 0 {
							visit((batch*out+o)*ny+p, (o*in+i)*len(taps)+k, (batch*x[1]+c)*nx+at)
						}
					}
				}
			}
		}
	}
}

package ort

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Batch norm's variance is most exact from centred values, which takes a pass over them. Where a convolution comes
// before, its bias can centre by the running mean for nothing: what is left of the mean is small, and E[x²] − E[x]²
// loses no precision to it.

// centrable finds the convolutions whose output only a batch norm in training form and its gradient read, and whose
// running mean is known before the convolution runs.
func centrable(g *graph.Graph) map[string]string {
	consumers := g.Consumers()
	known := map[*graph.Value]bool{}
	for _, v := range g.Inputs {
		known[v] = true
	}
	for _, v := range g.Outputs {
		consumers[v] = append(consumers[v], nil)
	}
	found := map[string]string{}
	for _, n := range g.Nodes {
		if n.OpName() != "ildc.BatchNormTrain" {
			continue
		}
		x, mean := n.Inputs[0], n.Inputs[3]
		if x.DType != graph.Float32 || x.Producer == nil || x.Producer.OpName() != "Conv" || !known[mean] {
			continue
		}
		gradient := func(c *graph.Node) bool { // is n's
			return c.OpName() == "ildc.BatchNormGrad" && c.Inputs[1] == x && c.Inputs[3] == n.Output(3)
		}
		only := func(v *graph.Value, norm bool) bool { // n's gradient reads it, and n where norm says so
			return !slices.ContainsFunc(consumers[v], func(c *graph.Node) bool {
				return c == nil || c == n && !norm || c != n && !gradient(c)
			})
		}
		if only(x, true) && (n.Output(3) == nil || only(n.Output(3), false)) {
			found[x.Name] = mean.Name
		}
	}
	return found
}

// bias is what a convolution's output is shifted by, [O]: its own bias, less the running mean of the batch norm
// behind where that is centred. It is nil where there is neither.
func (r *rewriter) bias(b *graph.Builder, n *graph.Node) *graph.Value {
	bias := n.Input(2)
	name, ok := r.centred[n.Outputs[0].Name]
	if !ok {
		return bias
	}
	inputs := b.Graph().Inputs
	mean := inputs[slices.IndexFunc(inputs, func(v *graph.Value) bool { return v.Name == name })]
	if bias == nil {
		return b.Op("Neg", nil, mean)
	}
	return b.Op("Sub", nil, bias, mean)
}

// centringConv changes the bias only.
func (r *rewriter) centringConv(b *graph.Builder, n *graph.Node) []*graph.Value {
	if _, ok := r.centred[n.Outputs[0].Name]; !ok {
		return nil
	}
	return []*graph.Value{b.Op("Conv", n.Attrs, n.Inputs[0], n.Inputs[1], r.bias(b, n))}
}

// batchNormTrain takes X from which the running mean has been subtracted.
func (r *rewriter) batchNormTrain(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, scale, bias, runningMean, runningVar := n.Inputs[0], n.Inputs[1], n.Inputs[2], n.Inputs[3], n.Inputs[4]
	if _, ok := r.centred[x.Name]; !ok {
		return nil
	}
	epsilon, momentum := n.Float("epsilon", 1e-5), n.Float("momentum", 0.9)
	number := func(v float64) *graph.Value { return b.Scalar(x.DType, v) }
	mean := meanPerChannel(b, x)
	square := meanPerChannel(b, b.Op("Mul", nil, x, x))
	variance := b.Op("Max", nil, b.Op("Sub", nil, square, b.Op("Mul", nil, mean, mean)), number(0))
	inverse := b.Op("Div", nil, number(1), b.Op("Sqrt", nil, b.Op("Add", nil, variance, number(epsilon))))
	y := r.affine(b, x, b.Op("Mul", nil, scale, inverse), bias, mean)
	nextMean := b.Op("Add", nil, runningMean, b.Op("Mul", nil, mean, number(1-momentum)))
	nextVar := b.Op("Add", nil, b.Op("Mul", nil, runningVar, number(momentum)),
		b.Op("Mul", nil, variance, number(1-momentum)))
	return []*graph.Value{y, nextMean, nextVar, mean, inverse}[:len(n.Outputs)]
}

// large is the number of pixels of a map from which on a depthwise 1x1 convolution scales and shifts faster than
// BatchNormalization: it uses all threads, and the activation behind it costs no pass of its own.
const large = 1024

// affine is a·(X − mean) + bias, per channel.
func (r *rewriter) affine(b *graph.Builder, x, a, bias, mean *graph.Value) *graph.Value {
	d := x.Shape.Sizes()
	if len(d) == 4 && d[2]*d[3] >= large {
		shift := b.Op("Sub", nil, bias, b.Op("Mul", nil, mean, a))
		return b.Op("Conv", graph.Attrs{"group": int64(d[1])}, x, reshape(b, a, d[1], 1, 1, 1), shift)
	}
	ones := graph.NewTensor(x.DType, d[1])
	for i := range ones.Float32s() {
		ones.Float32s()[i] = 1
	}
	return b.Op("BatchNormalization", graph.Attrs{"epsilon": float32(0)}, x, a, bias, mean, b.Const("ones", ones))
}

// batchNormGrad takes X and its mean as batchNormTrain does. With m elements per channel
//
//	dB = Σ dY,  dScale = inv·(Σ dY·X − mean·dB),  dX = a·dY + e·X + c
//	a = scale·inv,  e = −a·inv·dScale/m,  c = −a·dB/m − e·mean
func (r *rewriter) batchNormGrad(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, x, scale, mean, inverse := n.Inputs[0], n.Inputs[1], n.Inputs[2], n.Inputs[3], n.Inputs[4]
	if _, ok := r.centred[x.Name]; !ok {
		return nil
	}
	mul := func(u, v *graph.Value) *graph.Value { return b.Op("Mul", nil, u, v) }
	channels := mean.Shape.Elements()
	dBias := sumPerChannel(b, dy)
	dScale := mul(inverse, b.Op("Sub", nil, sumPerChannel(b, mul(dy, x)), mul(mean, dBias)))
	a := mul(scale, inverse)
	share := mul(a, b.Scalar(x.DType, -float64(channels)/float64(x.Shape.Elements())))
	e := mul(mul(share, inverse), dScale)
	c := b.Op("Sub", nil, mul(share, dBias), mul(e, mean))
	zeros, ones := graph.NewTensor(x.DType, channels), graph.NewTensor(x.DType, channels)
	for i := range ones.Float32s() {
		ones.Float32s()[i] = 1
	}
	affine := b.Op("BatchNormalization", graph.Attrs{"epsilon": float32(0)}, x, e, c, b.Const("zeros", zeros),
		b.Const("ones", ones))
	perChannel := []int{channels}
	for range x.Shape[2:] {
		perChannel = append(perChannel, 1)
	}
	dx := b.Op("Add", nil, mul(dy, reshape(b, a, perChannel...)), affine)
	return []*graph.Value{dx, dScale, dBias}[:len(n.Outputs)]
}

// meanPerChannel averages [N,C,…] over all but the channels: [C].
func meanPerChannel(b *graph.Builder, v *graph.Value) *graph.Value {
	return b.Op("ReduceMean", graph.Attrs{"keepdims": int64(0)}, v, b.Ints(allButChannels(v)...))
}

// sumPerChannel sums [N,C,…] over all but the channels: [C].
func sumPerChannel(b *graph.Builder, v *graph.Value) *graph.Value {
	return b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, v, b.Ints(allButChannels(v)...))
}

func allButChannels(v *graph.Value) []int64 {
	axes := []int64{0}
	for i := 2; i < len(v.Shape); i++ {
		axes = append(axes, int64(i))
	}
	return axes
}

// sumSquare squares in one pass and sums in another, each of which is vectorised; ONNX Runtime's ReduceSumSquare is
// not.
func (r *rewriter) sumSquare(b *graph.Builder, n *graph.Node) []*graph.Value {
	in := slices.Clone(n.Inputs)
	in[0] = b.Op("Mul", nil, in[0], in[0])
	return []*graph.Value{b.Op("ReduceSum", n.Attrs, in...)}
}

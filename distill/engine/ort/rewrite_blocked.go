package ort

import (
	"maps"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Between convolutions in blocked layout, maps stay in blocks: these rules are for ops on maps that are computed
// there. Memory being what such ops wait for, a reordering that is left out saves as much as an op.

// around gives the form in which a rule reads maps of one shape, blocks where one of them is computed in blocks, and
// the way back from a result.
func (l *blocked) around(b *graph.Builder, values ...*graph.Value) (at, back func(*graph.Value) *graph.Value) {
	same := func(v *graph.Value) *graph.Value { return v }
	for _, v := range values {
		if v != nil && l.native(v) {
			channels := v.Shape[1].Size
			return func(v *graph.Value) *graph.Value { return l.channels(b, v) },
				func(v *graph.Value) *graph.Value { return l.leave(b, v, channels) }
		}
	}
	return same, same
}

// blockedElementwise takes ops that work element by element and take zeros to zero, on maps of one shape and, for
// products, a number, or one for each sample or position.
func (r *rewriter) blockedElementwise(b *graph.Builder, n *graph.Node) []*graph.Value {
	if !slices.ContainsFunc(n.Inputs, r.blocked.native) {
		return nil
	}
	y, l := n.Outputs[0].Shape, r.blocked
	in, positions := slices.Clone(n.Inputs), false
	for i, v := range in {
		switch d := v.Shape; {
		case d.Equal(y):
			in[i] = l.channels(b, v)
		case n.Op != "Mul":
			return nil
		case d.Elements() == 1 || len(d) == 4 && d.Elements() == d[0].Size:
		case d.Equal(graph.Shape{y[0], graph.D(1), y[2], y[3]}):
			in[i], positions = reshape(b, v, y[0].Size, 1, y[2:].Elements(), 1), true
		default:
			return nil
		}
	}
	filled := up(y[1].Size, l.block)
	if positions {
		for i, v := range in {
			if v.Shape.Elements() > y[0].Size*y[2:].Elements() {
				in[i] = reshape(b, v, y[0].Size, filled/l.block, y[2:].Elements(), l.block)
			}
		}
	}
	out := reshape(b, b.Op(n.Op, n.Attrs, in...), y[0].Size, filled, y[2].Size, y[3].Size)
	return []*graph.Value{l.leave(b, out, y[1].Size)}
}

// blockedAdd is part of the convolution that gives one of the terms, which adds to the other in place, where nothing
// else reads either.
func (r *rewriter) blockedAdd(b *graph.Builder, n *graph.Node) []*graph.Value {
	u, v := n.Inputs[0], n.Inputs[1]
	if !r.once(u) || !r.once(v) {
		return nil
	}
	for _, term := range [][2]*graph.Value{{u, v}, {v, u}} {
		if sum := fused(b, r.blocked.entered[term[0]], r.blocked.entered[term[1]], ""); sum != nil {
			return []*graph.Value{r.blocked.leave(b, sum, u.Shape[1].Size)}
		}
	}
	return nil
}

// blockedRelu is part of the convolution before, or of a sum before, of which one term is then scaled by 1 and added
// to the other in place.
func (r *rewriter) blockedRelu(b *graph.Builder, n *graph.Node) []*graph.Value {
	x := n.Inputs[0]
	if !r.once(x) {
		return nil
	}
	c := r.blocked.entered[x]
	y := fused(b, c, nil, "Relu")
	if p := c.Producer; y == nil && p.OpName() == "Add" {
		u, v := p.Inputs[0], p.Inputs[1]
		if r.once(r.blocked.left[u]) {
			u, v = v, u
		}
		if r.once(r.blocked.left[v]) {
			y = fused(b, r.blocked.affine(b, u, r.blocked.ones(b, u), nil, v), nil, "Relu")
		}
	}
	if y == nil {
		return nil
	}
	return []*graph.Value{r.blocked.leave(b, y, x.Shape[1].Size)}
}

// once says whether a map is computed in blocks and read by one node only.
func (r *rewriter) once(v *graph.Value) bool {
	return v != nil && r.blocked.native(v) && r.uses[v.Name] == 1
}

// fused is a convolution in blocked layout to which a map is added, unless nil, before an activation, unless "". It
// is nil where c is none, or has either already.
func fused(b *graph.Builder, c, plus *graph.Value, activation string) *graph.Value {
	p := c.Producer
	if p.OpName() != blockedConv || p.Attrs["activation"] != nil || plus != nil && len(p.Inputs) == 4 {
		return nil
	}
	attrs, in := maps.Clone(p.Attrs), p.Inputs
	if activation != "" {
		attrs["activation"] = activation
	}
	if plus != nil {
		in = []*graph.Value{in[0], in[1], p.Input(2), plus}
	}
	return declare(b, blockedConv, attrs, c.Shape.Sizes(), in...)
}

// blockedSum sums over all but the channels.
func (r *rewriter) blockedSum(b *graph.Builder, n *graph.Node) []*graph.Value {
	x := n.Inputs[0]
	if !r.blocked.native(x) || !reduces(n, 0, 2, 3) {
		return nil
	}
	sum := r.blocked.trim(b, r.blocked.sum(b, r.blocked.entered[x]), x.Shape[1].Size)
	return []*graph.Value{reshape(b, sum, n.Outputs[0].Shape.Sizes()...)}
}

// blockedSumSquare sums over samples, or over the channels of each position.
func (r *rewriter) blockedSumSquare(b *graph.Builder, n *graph.Node) []*graph.Value {
	if r.blocked == nil || r.blocked.entered[n.Inputs[0]] == nil {
		return nil
	}
	v := r.blocked.entered[n.Inputs[0]]
	var sum *graph.Value
	switch {
	case reduces(n, 1, 2, 3):
		sum = b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, r.blocked.dots(b, v, v), b.Ints(1))
	case reduces(n, 1):
		sum = r.blocked.acrossChannels(b, b.Op("Mul", nil, v, v))
	default:
		return nil
	}
	return []*graph.Value{reshape(b, sum, n.Outputs[0].Shape.Sizes()...)}
}

// reduces says whether a reduction is over these axes.
func reduces(n *graph.Node, axes ...int64) bool {
	v := n.Input(1)
	return v != nil && v.Const != nil && slices.Equal(v.Const.Int64s(), axes)
}

// acrossChannels sums a map in blocks over its channels: [N,1,H·W,1].
func (l *blocked) acrossChannels(b *graph.Builder, v *graph.Value) *graph.Value {
	d := v.Shape.Sizes()
	blocks := d[1] / l.block
	sum := b.Op("ReduceSum", nil, reshape(b, v, d[0], blocks, d[2]*d[3], l.block), b.Ints(3))
	if blocks > 1 {
		sum = b.Op("ReduceSum", nil, sum, b.Ints(1))
	}
	return sum
}

// perSample averages a map in blocks over its positions: [N,C].
func (l *blocked) perSample(b *graph.Builder, v *graph.Value) *graph.Value {
	d := v.Shape.Sizes()
	return reshape(b, declare(b, blockedDomain+".GlobalAveragePool", nil, []int{d[0], d[1], 1, 1}, v), d[0], d[1])
}

// mean averages a map in blocks over all but the channels: [C].
func (l *blocked) mean(b *graph.Builder, v *graph.Value) *graph.Value {
	return b.Op("ReduceMean", graph.Attrs{"keepdims": int64(0)}, l.perSample(b, v), b.Ints(0))
}

// sum sums a map in blocks over all but the channels: [C].
func (l *blocked) sum(b *graph.Builder, v *graph.Value) *graph.Value {
	sum := b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, l.perSample(b, v), b.Ints(0))
	return b.Op("Mul", nil, sum, b.Scalar(graph.Float32, float64(v.Shape[2:].Elements())))
}

// dots sums the products of two maps in blocks over their positions, [N,C]: one map as the kernel of a depthwise
// convolution of the other, of which one position results.
func (l *blocked) dots(b *graph.Builder, u, v *graph.Value) *graph.Value {
	d := u.Shape.Sizes()
	win := pixelwise()
	win.Kernel = d[2:]
	dots := l.conv(b, reshape(b, u, 1, d[0]*d[1], d[2], d[3]), reshape(b, v, d[0]*d[1], 1, d[2], d[3]), nil, d[0]*d[1],
		win)
	return reshape(b, dots, d[0], d[1])
}

// dot sums the products of two maps in blocks over all but the channels: [C].
func (l *blocked) dot(b *graph.Builder, u, v *graph.Value) *graph.Value {
	return b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, l.dots(b, u, v), b.Ints(0))
}

// ones scales a map in blocks by 1: [C].
func (l *blocked) ones(b *graph.Builder, v *graph.Value) *graph.Value {
	t := graph.NewTensor(graph.Float32, v.Shape[1].Size)
	for i := range t.Float32s() {
		t.Float32s()[i] = 1
	}
	return b.Const("ones", t)
}

// affine is a·v + shift per channel, and plus: a depthwise 1x1 convolution.
func (l *blocked) affine(b *graph.Builder, v, a, shift *graph.Value, plus ...*graph.Value) *graph.Value {
	channels := v.Shape[1].Size
	return l.conv(b, v, reshape(b, a, channels, 1, 1, 1), shift, channels, pixelwise(), plus...)
}

// blockedBatchNormTrain is [rewriter.batchNormTrain] for a map that is computed in blocks.
func (r *rewriter) blockedBatchNormTrain(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, runningMean, runningVar := n.Inputs[0], n.Inputs[3], n.Inputs[4]
	epsilon, momentum := n.Float("epsilon", 1e-5), n.Float("momentum", 0.9)
	if _, ok := r.centred[x.Name]; !ok || !r.blocked.native(x) || epsilon <= 0 {
		return nil
	}
	l, v, channels := r.blocked, r.blocked.entered[x], x.Shape[1].Size
	scale, bias := l.fill(b, n.Inputs[1]), l.fill(b, n.Inputs[2])
	number := func(v float64) *graph.Value { return b.Scalar(x.DType, v) }
	mul := func(u, v *graph.Value) *graph.Value { return b.Op("Mul", nil, u, v) }
	mean := l.mean(b, v)
	square := mul(l.dot(b, v, v), number(float64(v.Shape[1].Size)/float64(v.Shape.Elements())))
	variance := b.Op("Max", nil, b.Op("Sub", nil, square, mul(mean, mean)), number(0))
	inverse := b.Op("Div", nil, number(1), b.Op("Sqrt", nil, b.Op("Add", nil, variance, number(epsilon))))
	a := mul(scale, inverse)
	y := l.affine(b, v, a, b.Op("Sub", nil, bias, mul(mean, a)))
	ofMean, ofVar, ofInverse := l.trim(b, mean, channels), l.trim(b, variance, channels), l.trim(b, inverse, channels)
	nextMean := b.Op("Add", nil, runningMean, mul(ofMean, number(1-momentum)))
	nextVar := b.Op("Add", nil, mul(runningVar, number(momentum)), mul(ofVar, number(1-momentum)))
	return []*graph.Value{l.leave(b, y, channels), nextMean, nextVar, ofMean, ofInverse}[:len(n.Outputs)]
}

// blockedBatchNormGrad is [rewriter.batchNormGrad] for a map that is computed in blocks.
func (r *rewriter) blockedBatchNormGrad(b *graph.Builder, n *graph.Node) []*graph.Value {
	x := n.Inputs[1]
	if _, ok := r.centred[x.Name]; !ok || !r.blocked.native(x) {
		return nil
	}
	l, channels := r.blocked, x.Shape[1].Size
	dy, v := l.channels(b, n.Inputs[0]), l.entered[x]
	scale, mean, inverse := l.fill(b, n.Inputs[2]), l.fill(b, n.Inputs[3]), l.fill(b, n.Inputs[4])
	mul := func(u, v *graph.Value) *graph.Value { return b.Op("Mul", nil, u, v) }
	dBias := l.sum(b, dy)
	dScale := mul(inverse, b.Op("Sub", nil, l.dot(b, dy, v), mul(mean, dBias)))
	a := mul(scale, inverse)
	share := mul(a, b.Scalar(x.DType, -float64(v.Shape[1].Size)/float64(v.Shape.Elements())))
	e := mul(mul(share, inverse), dScale)
	c := b.Op("Sub", nil, mul(share, dBias), mul(e, mean))
	dx := l.affine(b, dy, a, nil, l.affine(b, v, e, c))
	return []*graph.Value{l.leave(b, dx, channels), l.trim(b, dScale, channels),
		l.trim(b, dBias, channels)}[:len(n.Outputs)]
}

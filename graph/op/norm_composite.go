package op

import (
	"github.com/ildc/ildc/graph"
)

// Normalisations that are defined by other ops. X: [N,C,…] or, of RMSNormalization and LpNormalization, [...] → as X.
//
//	InstanceNormalization (Ulyanov et al. 2016): over the axes behind C, one by one; scale, B: [C]
//	GroupNormalization (Wu, He 2018): over num_groups runs of channels with the axes behind them; scale, bias: [C],
//		before opset 21 [num_groups]
//	MeanVarianceNormalization: over axes, with no parameters
//	RMSNormalization (Zhang, Sennrich 2019): X/√(mean(X²) + epsilon)·scale, over the axes from the attribute axis on
//	LpNormalization: X over its L1 or L2 norm along an axis
//	LRN (Krizhevsky et al. 2012, section 3.3): X/(bias + alpha/size·Σ X²)^beta, the sum over size neighbouring channels
//
// https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html and its neighbours.
func compositeNormalisation() []*Spec {
	return []*Spec{
		composite(&Spec{Type: "InstanceNormalization", Least: 3, Most: 3}, instanceNorm),
		composite(&Spec{Type: "GroupNormalization", Least: 3, Most: 3}, groupNorm),
		composite(&Spec{Type: "MeanVarianceNormalization", Least: 1, Most: 1}, meanVarianceNorm),
		composite(&Spec{Type: "RMSNormalization", Least: 2, Most: 2}, rmsNorm),
		composite(&Spec{Type: "LpNormalization", Least: 1, Most: 1}, lpNorm),
		composite(&Spec{Type: "LRN", Least: 1, Most: 1}, lrn),
	}
}

// standardise is (x − mean)/√(var + epsilon) over axes.
func standardise(b *graph.Builder, x *graph.Value, epsilon float64, axes ...int64) *graph.Value {
	over := b.Ints(axes...)
	centred := b.Op("Sub", nil, x, b.Op("ReduceMean", nil, x, over))
	variance := b.Op("ReduceMean", nil, b.Op("Mul", nil, centred, centred), over)
	return b.Op("Div", nil, centred, b.Op("Sqrt", nil, b.Op("Add", nil, variance, b.Scalar(x.DType, epsilon))))
}

// alongChannels gives a vector [C] the shape [C,1…] that broadcasts along axis 1 of a value of that rank.
func alongChannels(b *graph.Builder, v *graph.Value, rank int) *graph.Value {
	if rank <= 2 {
		return v
	}
	return b.Op("Unsqueeze", nil, v, b.Ints(firstAxes(rank - 1)[1:]...))
}

// scaleAndShift is x·scale + shift along the channels.
func scaleAndShift(b *graph.Builder, x, scale, shift *graph.Value, rank int) []*graph.Value {
	scaled := b.Op("Mul", nil, x, alongChannels(b, scale, rank))
	return []*graph.Value{b.Op("Add", nil, scaled, alongChannels(b, shift, rank))}
}

func instanceNorm(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, scale, shift := n.Inputs[0], n.Inputs[1], n.Inputs[2]
	rank := len(x.Shape)
	if rank < 3 {
		return tooFew(b, n, 3)
	}
	y := standardise(b, x, n.Float("epsilon", defaultEpsilon), firstAxes(rank)[2:]...)
	return scaleAndShift(b, y, scale, shift, rank)
}

// tooFew refuses an input of a rank that is known to be below; nil tells that the rank is not known.
func tooFew(b *graph.Builder, n *graph.Node, rank int) []*graph.Value {
	if n.Inputs[0].Shape != nil {
		b.Fail("%w", Errorf(n, ErrMalformed, "want rank %d or more", rank))
	}
	return nil
}

func groupNorm(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, scale, shift := n.Inputs[0], n.Inputs[1], n.Inputs[2]
	groups, rank := n.Int("num_groups", 0), len(x.Shape)
	switch {
	case rank < 3:
		return tooFew(b, n, 3)
	case groups < 1 || x.Shape[1].Known() && x.Shape[1].Size%int(groups) != 0:
		b.Fail("%w", Errorf(n, ErrMalformed, "num_groups %d", groups))
		return nil
	case !x.Shape[1].Known() || !scale.Shape.Static():
		return nil
	}
	y := b.Op("Reshape", nil, x, b.Ints(0, groups, -1))
	y = standardise(b, y, n.Float("epsilon", defaultEpsilon), 2)
	if c := x.Shape[1].Size; scale.Shape.Elements() != c && scale.Shape.Elements() == int(groups) {
		y = scaleAndShift(b, y, scale, shift, 3)[0]
		return []*graph.Value{b.Op("Reshape", nil, y, b.Op("Shape", nil, x))}
	}
	return scaleAndShift(b, b.Op("Reshape", nil, y, b.Op("Shape", nil, x)), scale, shift, rank)
}

// ONNX adds 1e-9 to the variance here.
func meanVarianceNorm(b *graph.Builder, n *graph.Node) []*graph.Value {
	x := n.Inputs[0]
	return []*graph.Value{standardise(b, x, 1e-9, n.Ints("axes", 0, 2, 3)...)}
}

func rmsNorm(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, scale := n.Inputs[0], n.Inputs[1]
	if x.Shape == nil {
		return nil
	}
	axis, err := layerNormAxis(n, len(x.Shape))
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	squares := b.Op("ReduceMean", nil, b.Op("Mul", nil, x, x), b.Ints(firstAxes(len(x.Shape))[axis:]...))
	root := b.Op("Sqrt", nil, b.Op("Add", nil, squares, b.Scalar(x.DType, n.Float("epsilon", defaultEpsilon))))
	return []*graph.Value{b.Op("Mul", nil, b.Op("Div", nil, x, root), scale)}
}

func lpNorm(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, p := n.Inputs[0], n.Int("p", 2)
	if p != 1 && p != 2 {
		b.Fail("%w", Errorf(n, ErrMalformed, "p %d", p))
		return nil
	}
	norm := b.Op(map[int64]string{1: "ReduceL1", 2: "ReduceL2"}[p], nil, x, b.Ints(n.Int("axis", -1)))
	none := b.Op("Equal", nil, norm, b.Scalar(x.DType, 0)) // zeros stay zeros
	return []*graph.Value{b.Op("Div", nil, x, b.Op("Where", nil, none, b.Scalar(x.DType, 1), norm))}
}

// lrn sums over the neighbours by pooling squares as [N,1,C,rest].
func lrn(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, size := n.Inputs[0], n.Int("size", 0)
	switch {
	case len(x.Shape) < 2:
		return tooFew(b, n, 2)
	case size < 1:
		b.Fail("%w", Errorf(n, ErrMalformed, "size %d", size))
		return nil
	case !x.Shape[1].Known():
		return nil
	}
	squares := b.Op("Reshape", nil, b.Op("Mul", nil, x, x), b.Ints(0, 1, int64(x.Shape[1].Size), -1))
	mean := b.Op("AveragePool", graph.Attrs{"kernel_shape": []int64{size, 1}, "pads": []int64{(size - 1) / 2, 0, size / 2,
		0}, "count_include_pad": int64(1)}, squares)
	mean = b.Op("Reshape", nil, mean, b.Op("Shape", nil, x))
	base := b.Op("Add", nil, b.Op("Mul", nil, mean, b.Scalar(x.DType, n.Float("alpha", 1e-4))),
		b.Scalar(x.DType, n.Float("bias", 1)))
	return []*graph.Value{b.Op("Div", nil, x, b.Op("Pow", nil, base, b.Scalar(x.DType, n.Float("beta", 0.75))))}
}

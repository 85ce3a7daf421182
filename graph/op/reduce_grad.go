package op

import (
	"github.com/ildc/ildc/graph"
)

// spread brings a value of the output's shape back to the input's, each element repeated along the reduced axes.
func spread(b *graph.Builder, n *graph.Node, v *graph.Value) *graph.Value {
	x := n.Inputs[0]
	v = kept(b, n, v)
	if v.Shape.Equal(x.Shape) {
		return v
	}
	return b.Op("Expand", nil, v, b.Ints(int64s(x.Shape.Sizes())...))
}

// kept gives a value of the output's shape the extents of 1 that keepdims 0 dropped.
func kept(b *graph.Builder, n *graph.Node, v *graph.Value) *graph.Value {
	dims := n.Inputs[0].Shape.Sizes()
	reduced, _ := nodeReduced(n)
	for i, r := range reduced {
		if r {
			dims[i] = 1
		}
	}
	return reshape(b, v, dims...)
}

// reduceExtremeGrad gives dy to the first element, in row-major order, that equals the output. The elements along the
// reduced axes are numbered; of those that hold the extreme, the lowest number is the first.
func reduceExtremeGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	reduced, _ := nodeReduced(n)
	var axes []int64
	dims := x.Shape.Sizes()
	for i, r := range reduced {
		if r {
			axes = append(axes, int64(i))
		} else {
			dims[i] = 1
		}
	}
	if axes == nil {
		return dy
	}
	number := make([]float64, graph.Product(dims))
	for i := range number {
		number[i] = float64(i)
	}
	numbers := b.Const("number", graph.FromValues(x.DType, dims, number))
	holds := b.Op("Equal", nil, x, kept(b, n, n.Outputs[0]))
	candidates := b.Op("Where", nil, holds, numbers, b.Scalar(x.DType, float64(len(number))))
	first := b.Op("ReduceMin", graph.Attrs{"keepdims": int64(1)}, candidates, b.Ints(axes...))
	return []*graph.Value{b.Op("Where", nil, b.Op("Equal", nil, numbers, first), kept(b, n, dy[0]), b.Scalar(x.DType, 0))}
}

// dy, repeated
func reduceSumGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{spread(b, n, dy[0])}
}

// dy, shared out
func reduceMeanGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, y := n.Inputs[0].Shape.Elements(), n.Outputs[0].Shape.Elements()
	return []*graph.Value{b.Op("Mul", nil, spread(b, n, dy[0]), b.Scalar(dy[0].DType, float64(y)/float64(x)))}
}

// 2x·dy
func reduceSquaresGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	twice := b.Op("Mul", nil, dy[0], b.Scalar(dy[0].DType, 2))
	return []*graph.Value{b.Op("Mul", nil, n.Inputs[0], kept(b, n, twice))}
}

// sign(x)·dy
func reduceL1Grad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{b.Op("Mul", nil, b.Op("Sign", nil, n.Inputs[0]), kept(b, n, dy[0]))}
}

// x/y·dy
func reduceL2Grad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{b.Op("Mul", nil, spread(b, n, b.Op("Div", nil, dy[0], n.Outputs[0])), n.Inputs[0])}
}

// dy/eʸ, repeated, as eʸ is the sum
func reduceLogSumGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{spread(b, n, b.Op("Div", nil, dy[0], b.Op("Exp", nil, n.Outputs[0])))}
}

// eˣ⁻ʸ·dy
func reduceLogSumExpGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	share := b.Op("Exp", nil, b.Op("Sub", nil, n.Inputs[0], kept(b, n, n.Outputs[0])))
	return []*graph.Value{b.Op("Mul", nil, share, kept(b, n, dy[0]))}
}

// reduceProdGrad is dy times the product of the other elements: with ones in the place of zeros, the product over the
// element, where no other element is 0, else 0.
func reduceProdGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	keep := graph.Attrs{"keepdims": int64(1), "noop_with_empty_axes": n.Int("noop_with_empty_axes", 0)}
	reduce := func(op string, v *graph.Value) *graph.Value {
		if axes := n.Input(1); axes != nil {
			return b.Op(op, keep, v, axes)
		}
		return b.Op(op, keep, v)
	}
	zero := b.Scalar(x.DType, 0)
	isZero := b.Op("Equal", nil, x, zero)
	count := b.Op("Cast", graph.Attrs{"to": int64(x.DType)}, isZero)
	nonzero := b.Op("Where", nil, isZero, b.Scalar(x.DType, 1), x)
	others := b.Op("Div", nil, reduce("ReduceProd", nonzero), nonzero)
	alone := b.Op("Equal", nil, b.Op("Sub", nil, reduce("ReduceSum", count), count), zero)
	return []*graph.Value{b.Op("Mul", nil, b.Op("Where", nil, alone, others, zero), kept(b, n, dy[0]))}
}

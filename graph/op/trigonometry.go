package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Trigonometric and hyperbolic functions and their inverses, element by element: x [...] → [...].
// https://onnx.ai/onnx/operators/onnx__Sin.html and its neighbours.
func trigonometry(smooth func(op string, f func(x float64) float64, grad gradFunc) *Spec) []*Spec {
	// slope makes a gradient of a derivative, which f appends for the input x and the output y.
	slope := func(f func(e terms, x, y *graph.Value) *graph.Value) gradFunc {
		return func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Mul", nil, dy[0], f(terms{b}, n.Inputs[0], n.Outputs[0]))}
		}
	}
	return []*Spec{
		smooth("Sin", math.Sin, slope(func(e terms, x, _ *graph.Value) *graph.Value { return e.Op("Cos", nil, x) })),
		smooth("Cos", math.Cos, slope(func(e terms, x, _ *graph.Value) *graph.Value {
			return e.Op("Neg", nil, e.Op("Sin", nil, x))
		})),
		smooth("Tan", math.Tan, slope(func(e terms, _, y *graph.Value) *graph.Value { return e.plus(1, e.square(y)) })),
		smooth("Sinh", math.Sinh, slope(func(e terms, x, _ *graph.Value) *graph.Value { return e.Op("Cosh", nil, x) })),
		smooth("Cosh", math.Cosh, slope(func(e terms, x, _ *graph.Value) *graph.Value { return e.Op("Sinh", nil, x) })),
		smooth("Asin", math.Asin, slope(func(e terms, x, _ *graph.Value) *graph.Value {
			return e.inverseRoot(e.minus(1, e.square(x)))
		})),
		smooth("Acos", math.Acos, slope(func(e terms, x, _ *graph.Value) *graph.Value {
			return e.Op("Neg", nil, e.inverseRoot(e.minus(1, e.square(x))))
		})),
		smooth("Atan", math.Atan, slope(func(e terms, x, _ *graph.Value) *graph.Value {
			return e.Op("Reciprocal", nil, e.plus(1, e.square(x)))
		})),
		smooth("Asinh", math.Asinh, slope(func(e terms, x, _ *graph.Value) *graph.Value {
			return e.inverseRoot(e.plus(1, e.square(x)))
		})),
		smooth("Acosh", math.Acosh, slope(func(e terms, x, _ *graph.Value) *graph.Value {
			return e.inverseRoot(e.plus(-1, e.square(x)))
		})),
		smooth("Atanh", math.Atanh, slope(func(e terms, x, _ *graph.Value) *graph.Value {
			return e.Op("Reciprocal", nil, e.minus(1, e.square(x)))
		})),
	}
}

// terms appends terms of a formula.
type terms struct{ *graph.Builder }

func (e terms) plus(c float64, v *graph.Value) *graph.Value {
	return e.Op("Add", nil, v, e.Scalar(v.DType, c))
}

func (e terms) minus(c float64, v *graph.Value) *graph.Value {
	return e.Op("Sub", nil, e.Scalar(v.DType, c), v)
}

func (e terms) square(v *graph.Value) *graph.Value { return e.Op("Mul", nil, v, v) }

func (e terms) inverseRoot(v *graph.Value) *graph.Value {
	return e.Op("Reciprocal", nil, e.Op("Sqrt", nil, v))
}

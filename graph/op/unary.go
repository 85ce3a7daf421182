package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Element-by-element functions of one input: x [...] → [...]; and Identity, Dropout (inference: the identity), Cast.
// https://onnx.ai/onnx/operators/onnx__Sqrt.html and its neighbours.
func unary() []*Spec {
	smooth := func(op string, f func(x float64) float64, grad gradFunc) *Spec {
		return &Spec{Type: op, Least: 1, Most: 1, Shape: sameAsFirst, Channels: sameChannels, Grad: grad,
			Eval: each(func(_ *graph.Node, x float64) float64 { return f(x) }), Tolerance: 1e-5}
	}
	step := func(op string, f func(x float64) float64) *Spec {
		s := smooth(op, f, nil)
		s.NoGrad, s.Tolerance = true, 0
		return s
	}
	neg := smooth("Neg", func(x float64) float64 { return -x }, func(b *graph.Builder, _ *graph.Node, dy []*graph.Value) []*graph.Value {
		return []*graph.Value{b.Op("Neg", nil, dy[0])}
	})
	abs := smooth("Abs", math.Abs, func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
		return []*graph.Value{b.Op("Mul", nil, dy[0], b.Op("Sign", nil, n.Inputs[0]))}
	})
	neg.Tolerance, abs.Tolerance = 0, 0
	return []*Spec{
		neg, abs,
		smooth("Exp", math.Exp, func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Mul", nil, dy[0], n.Outputs[0])}
		}),
		smooth("Log", math.Log, func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Div", nil, dy[0], n.Inputs[0])}
		}),
		smooth("Sqrt", math.Sqrt, func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
			half := b.Op("Mul", nil, dy[0], b.Scalar(dy[0].DType, 0.5))
			return []*graph.Value{b.Op("Div", nil, half, n.Outputs[0])}
		}),
		smooth("Reciprocal", func(x float64) float64 { return 1 / x }, func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
			y := n.Outputs[0]
			return []*graph.Value{b.Op("Neg", nil, b.Op("Mul", nil, dy[0], b.Op("Mul", nil, y, y)))}
		}),
		step("Sign", func(x float64) float64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return x
		}),
		step("Floor", math.Floor), step("Ceil", math.Ceil), step("Round", math.RoundToEven),
		step("Not", func(x float64) float64 { return 1 - x }),
		{Type: "Identity", Least: 1, Most: 1, Shape: passedOn, Channels: sameChannels, Grad: identityGrad, Eval: identityEval},
		{Type: "Dropout", Least: 1, Most: 3, Upgrade: dropoutUpgrade, Shape: dropoutShape, Channels: sameChannels, Grad: identityGrad, Eval: dropoutEval},
		{Type: "Cast", Least: 1, Most: 1, Shape: castShape, Channels: sameChannels, Grad: castGrad, Eval: castEval},
	}
}

// passedOn is sameAsFirst that also passes on known elements.
func passedOn(n *graph.Node) ([]Type, error) {
	types, err := sameAsFirst(n)
	types[0].Elems = elems(n.Inputs[0])
	return types, err
}

func identityGrad(_ *graph.Builder, _ *graph.Node, dy []*graph.Value) []*graph.Value { return dy[:1] }

func identityEval(_ *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) { return in[:1], nil }

// dropoutUpgrade drops what only matters in training (ratio, seed), and refuses a Dropout that is told to train.
func dropoutUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	if mode := n.Input(2); mode != nil && (mode.Const == nil || mode.Const.Values()[0] != 0) {
		b.Fail("%w", Errorf(n, ErrUnsupported, "training_mode is not the constant false"))
		return nil
	}
	if n.Output(1) == nil {
		return []*graph.Value{b.Op("Identity", nil, n.Inputs[0])}
	}
	return b.Ops("Dropout", 2, nil, n.Inputs[0])
}

func dropoutShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	return []Type{{DType: x.DType, Shape: x.Shape.Clone()}, {DType: graph.Bool, Shape: x.Shape.Clone()}}, nil
}

func dropoutEval(_ *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	mask := make([]float64, in[0].Len())
	for i := range mask {
		mask[i] = 1
	}
	return []*graph.Tensor{in[0], graph.FromValues(graph.Bool, in[0].Dims, mask)}, nil
}

func castShape(n *graph.Node) ([]Type, error) {
	to := graph.DType(n.Int("to", 0))
	if !to.Known() {
		return nil, Errorf(n, ErrUnsupported, "cast to type %d", int32(to))
	}
	t := Type{DType: to, Shape: n.Inputs[0].Shape.Clone()}
	if to.IsInt() && n.Inputs[0].DType.IsInt() {
		t.Elems = elems(n.Inputs[0])
	}
	return []Type{t}, nil
}

func castGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	if !x.DType.IsFloat() {
		return nil
	}
	if x.DType == dy[0].DType {
		return dy
	}
	return []*graph.Value{b.Op("Cast", graph.Attrs{"to": int64(x.DType)}, dy[0])}
}

func castEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	to := graph.DType(n.Int("to", 0))
	if in[0].DType == to {
		return in[:1], nil
	}
	if in[0].DType == graph.String || to == graph.String {
		return nil, Errorf(n, ErrUnsupported, "cast of strings")
	}
	v := in[0].Values()
	if to.IsInt() && in[0].DType.IsInt() {
		ints := in[0].Int64s()
		if to == graph.Int64 {
			return []*graph.Tensor{graph.FromInt64(in[0].Dims, ints)}, nil
		}
	}
	return []*graph.Tensor{graph.FromValues(to, in[0].Dims, v)}, nil
}

package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Element-by-element functions of one input: x [...] → [...]; and Identity, Dropout (inference: the identity), Cast.
// History: Dropout's ratio and training_mode are inputs since opset 12.
// https://onnx.ai/onnx/operators/onnx__Sqrt.html and its neighbours.
func unary() []*Spec {
	smooth := func(op string, f func(x float64) float64, grad gradFunc) *Spec {
		return &Spec{Type: op, Least: 1, Most: 1, Shape: sameAsFirst, Channels: sameChannels, Grad: grad, Scalar: plain(f),
			Tolerance: 1e-5}
	}
	exact := func(op string, f func(x float64) float64, grad gradFunc) *Spec {
		s := smooth(op, f, grad)
		s.Tolerance = 0
		return s
	}
	step := func(op string, f func(x float64) float64) *Spec {
		s := exact(op, f, nil)
		s.NoGrad = true
		return s
	}
	return append(trigonometry(smooth),
		exact("Neg", func(x float64) float64 { return -x },
			func(b *graph.Builder, _ *graph.Node, dy []*graph.Value) []*graph.Value {
				return []*graph.Value{b.Op("Neg", nil, dy[0])}
			}),
		exact("Abs", math.Abs, func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Mul", nil, dy[0], b.Op("Sign", nil, n.Inputs[0]))}
		}),
		smooth("Erf", math.Erf, erfGrad),
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
		smooth("Reciprocal", func(x float64) float64 { return 1 / x },
			func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
				y := n.Outputs[0]
				return []*graph.Value{b.Op("Neg", nil, b.Op("Mul", nil, dy[0], b.Op("Mul", nil, y, y)))}
			}),
		step("Sign", sign), step("Floor", math.Floor), step("Ceil", math.Ceil), step("Round", math.RoundToEven),
		step("Not", func(x float64) float64 { return 1 - x }),
		&Spec{Type: "Identity", AnyType: true, Least: 1, Most: 1, Shape: passedOn, Channels: sameChannels,
			Grad: identityGrad, Eval: identityEval},
		&Spec{Type: "Dropout", AnyType: true, Least: 1, Most: 3, Upgrade: dropoutUpgrade, Shape: dropoutShape,
			Channels: dropoutChannels, Grad: identityGrad, Eval: dropoutEval},
		&Spec{Type: "Cast", Least: 1, Most: 1, Shape: castShape, Channels: sameChannels, Grad: castGrad, Eval: castEval},
	)
}

// sign is −1, 0 or 1; of NaN it is NaN.
func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}

// dy·2/√π·e^(−x²)
func erfGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	slope := b.Op("Mul", nil, b.Op("Exp", nil, b.Op("Neg", nil, b.Op("Mul", nil, x, x))),
		b.Scalar(x.DType, 2/math.Sqrt(math.Pi)))
	return []*graph.Value{b.Op("Mul", nil, dy[0], slope)}
}

// passedOn is sameAsFirst that also passes on known elements.
func passedOn(n *graph.Node) ([]Type, error) {
	types, err := sameAsFirst(n)
	types[0].Elems = elems(n.Inputs[0])
	return types, err
}

func identityGrad(_ *graph.Builder, _ *graph.Node, dy []*graph.Value) []*graph.Value { return dy[:1] }

func identityEval(_ *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) { return in[:1], nil }

// dropoutUpgrade drops what only matters in training (ratio, seed, and, before opset 7, is_test), and refuses a Dropout
// that is told to train. Before opset 10 the mask had the input's dtype.
func dropoutUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	if mode := n.Input(2); mode != nil {
		if t := constantOf(mode); t == nil || t.DType != graph.Bool || slices.Contains(t.Data.([]bool), true) {
			b.Fail("%w", Errorf(n, ErrUnsupported, "training_mode is not the constant false"))
			return nil
		}
	}
	x := n.Input(0)
	if x == nil {
		return nil
	}
	if n.Output(1) == nil {
		return []*graph.Value{b.Op("Identity", nil, x)}
	}
	out := b.Ops("Dropout", 2, nil, x)
	if opset < 10 {
		return []*graph.Value{out[0], b.Op("Cast", graph.Attrs{"to": int64(x.DType)}, out[1])}
	}
	return out
}

func dropoutShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	return []Type{{DType: x.DType, Shape: x.Shape.Clone()}, {DType: graph.Bool, Shape: x.Shape.Clone()}}, nil
}

func dropoutChannels(c *Coupling, n *graph.Node) {
	for axis := range n.Inputs[0].Shape {
		for _, y := range n.Outputs {
			if y != nil {
				c.tie(n.Inputs[0], axis, y, axis)
			}
		}
	}
}

func dropoutEval(_ *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	return []*graph.Tensor{in[0], graph.FromBool(in[0].Dims, slices.Repeat([]bool{true}, in[0].Len()))}, nil
}

func castShape(n *graph.Node) ([]Type, error) {
	to := graph.DType(n.Int("to", 0))
	if to == graph.Undefined {
		return nil, Errorf(n, ErrMalformed, "no type to cast to")
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
	if to == graph.String || !to.Known() {
		return nil, Errorf(n, ErrUnsupported, "cast to %v", to)
	}
	return []*graph.Tensor{graph.FromValues(to, in[0].Dims, in[0].Values())}, nil
}

package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Activations, element by element: x [...] → [...]. Gradients are 0 at the kinks.
//
//	Relu max(0,x); LeakyRelu x or αx; Clip min(max(x,min),max); Sigmoid 1/(1+e⁻ˣ); Tanh
//
// History: Clip took its bounds as attributes before opset 11.
// https://onnx.ai/onnx/operators/onnx__Relu.html and its neighbours.
func activations() []*Spec {
	activation := func(op string, f func(n *graph.Node, x float64) float64, grad gradFunc) *Spec {
		return &Spec{Type: op, Role: Activation, Least: 1, Most: 1, Shape: sameAsFirst, Channels: sameChannels,
			Grad: grad, Eval: each(f), Tolerance: 1e-5}
	}
	clip := activation("Clip", nil, clipGrad)
	clip.Most, clip.Upgrade, clip.Eval, clip.Tolerance = 3, clipUpgrade, clipEval, 0
	relu := activation("Relu", func(_ *graph.Node, x float64) float64 { return max(0, x) }, reluGrad)
	relu.Tolerance = 0
	return []*Spec{
		relu,
		clip,
		activation("LeakyRelu", func(n *graph.Node, x float64) float64 {
			if x < 0 {
				return n.Float("alpha", 0.01) * x
			}
			return x
		}, leakyReluGrad),
		activation("Sigmoid", func(_ *graph.Node, x float64) float64 { return 1 / (1 + math.Exp(-x)) }, sigmoidGrad),
		activation("Tanh", func(_ *graph.Node, x float64) float64 { return math.Tanh(x) }, tanhGrad),
	}
}

type gradFunc = func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value

// sameAsFirst is the shape rule of ops whose outputs are like their first input.
func sameAsFirst(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	types := make([]Type, len(n.Outputs))
	for i := range types {
		types[i] = Type{DType: x.DType, Shape: x.Shape.Clone()}
	}
	return types, nil
}

// sameChannels couples each axis of the first input with that of the first output.
func sameChannels(c *Coupling, n *graph.Node) {
	for axis := range n.Inputs[0].Shape {
		c.Same(n.Inputs[0], axis, n.Outputs[0], axis)
	}
}

// each lifts a scalar function to tensors.
func each(f func(n *graph.Node, x float64) float64) func(*graph.Node, []*graph.Tensor) ([]*graph.Tensor, error) {
	return func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
		v := in[0].Values()
		for i := range v {
			v[i] = f(n, v[i])
		}
		return []*graph.Tensor{graph.FromValues(in[0].DType, in[0].Dims, v)}, nil
	}
}

// where x > 0: dy, else 0
func reluGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	zero := b.Scalar(x.DType, 0)
	return []*graph.Value{b.Op("Where", nil, b.Op("Greater", nil, n.Outputs[0], zero), dy[0], zero)}
}

// where x > 0: dy, where x < 0: α·dy, else 0
func leakyReluGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	zero := b.Scalar(x.DType, 0)
	left := b.Op("Mul", nil, dy[0], b.Scalar(x.DType, n.Float("alpha", 0.01)))
	below := b.Op("Where", nil, b.Op("Less", nil, x, zero), left, zero)
	return []*graph.Value{b.Op("Where", nil, b.Op("Greater", nil, x, zero), dy[0], below)}
}

// y·(1−y)·dy
func sigmoidGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	y := n.Outputs[0]
	slope := b.Op("Mul", nil, y, b.Op("Sub", nil, b.Scalar(y.DType, 1), y))
	return []*graph.Value{b.Op("Mul", nil, dy[0], slope)}
}

// (1−y²)·dy
func tanhGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	y := n.Outputs[0]
	slope := b.Op("Sub", nil, b.Scalar(y.DType, 1), b.Op("Mul", nil, y, y))
	return []*graph.Value{b.Op("Mul", nil, dy[0], slope)}
}

// strictly between the bounds: dy, else 0
func clipGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, d := n.Inputs[0], dy[0]
	zero := b.Scalar(x.DType, 0)
	if low := n.Input(1); low != nil {
		d = b.Op("Where", nil, b.Op("Greater", nil, x, low), d, zero)
	}
	if high := n.Input(2); high != nil {
		d = b.Op("Where", nil, b.Op("Less", nil, x, high), d, zero)
	}
	return []*graph.Value{d}
}

func clipEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	low, high := math.Inf(-1), math.Inf(1)
	if len(in) > 1 && in[1] != nil {
		low = in[1].Values()[0]
	}
	if len(in) > 2 && in[2] != nil {
		high = in[2].Values()[0]
	}
	return each(func(_ *graph.Node, x float64) float64 { return min(max(x, low), high) })(n, in)
}

func clipUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	if opset >= 11 {
		return nil
	}
	in := []*graph.Value{n.Inputs[0], nil, nil}
	for i, bound := range []string{"min", "max"} {
		if n.Has(bound) {
			in[i+1] = b.Scalar(n.Inputs[0].DType, n.Float(bound, 0))
		}
	}
	return []*graph.Value{b.Op("Clip", nil, in...)}
}

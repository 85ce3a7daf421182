package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Activations, element by element: x [...] → [...]. Gradients are 0 at the kinks of Relu, LeakyRelu, PRelu, Clip,
// HardSigmoid, ThresholdedRelu and Shrink. Those that bend at a point are defined here, smooth ones in
// activation_smooth.go.
//
//	Relu max(0,x); LeakyRelu x or αx; Clip min(max(x,min),max); PRelu x or slope·x, slope broadcast to x;
//	ThresholdedRelu x above α, else 0
//	Shrink x − bias above lambd, x + bias below −lambd, else 0; HardSigmoid and HardSwish as in hardswish.go
//
// History: Clip took its bounds as attributes before opset 11; before 7 PRelu's slope lay along axis 1.
// https://onnx.ai/onnx/operators/onnx__Relu.html and its neighbours.
func activations() []*Spec {
	clip := &Spec{Type: "Clip", Role: Activation, Least: 1, Most: 3, Upgrade: clipUpgrade, Shape: clipShape,
		Channels: sameChannels, Grad: clipGrad, Eval: clipEval}
	prelu := &Spec{Type: "PRelu", Role: Activation, Least: 2, Most: 2, Upgrade: preluUpgrade, Shape: preluShape,
		Channels: broadcastChannels,
		Grad:     preluGrad, Eval: preluEval, Tolerance: 1e-5}
	relu := activation("Relu", plain(func(x float64) float64 { return max(0, x) }), reluGrad)
	relu.Tolerance = 0
	return append(smoothActivations(),
		relu,
		clip,
		prelu,
		activation("LeakyRelu", leakyRelu, leakyReluGrad),
		activation("HardSigmoid", hardSigmoid, hardSigmoidGrad),
		activation("HardSwish", plain(hardSwish), hardSwishGrad),
		activation("ThresholdedRelu", thresholdedRelu, thresholdedReluGrad),
		activation("Shrink", shrink, shrinkGrad),
	)
}

// activation is an op that maps elements one by one.
func activation(op string, f scalarFunc, grad gradFunc) *Spec {
	return &Spec{Type: op, Role: Activation, Least: 1, Most: 1, Shape: sameAsFirst, Channels: sameChannels, Grad: grad,
		Scalar: f, Tolerance: 1e-5}
}

type gradFunc = func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value

// sameAsFirst is the shape rule of ops whose output is like their first input.
func sameAsFirst(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	return []Type{{DType: x.DType, Shape: x.Shape.Clone()}}, nil
}

// sameChannels couples each axis of the first input with that of the first output.
func sameChannels(c *Coupling, n *graph.Node) {
	for axis := range n.Inputs[0].Shape {
		c.tie(n.Inputs[0], axis, n.Outputs[0], axis)
	}
}

type scalarFunc = func(n *graph.Node) func(x float64) float64

// plain is a scalar function that looks at no attribute.
func plain(f func(x float64) float64) scalarFunc {
	return func(*graph.Node) func(x float64) float64 { return f }
}

// each maps a tensor's elements.
func each(x *graph.Tensor, f func(x float64) float64) []*graph.Tensor {
	v := x.Values()
	for i := range v {
		v[i] = f(v[i])
	}
	return []*graph.Tensor{graph.FromValues(x.DType, x.Dims, v)}
}

// where x > 0: dy, else 0
func reluGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	zero := b.Scalar(x.DType, 0)
	return []*graph.Value{b.Op("ildc.MaskGrad", nil, dy[0], b.Op("Greater", nil, n.Outputs[0], zero))}
}

func leakyRelu(n *graph.Node) func(x float64) float64 {
	alpha := n.Float("alpha", 0.01)
	return func(x float64) float64 {
		if x < 0 {
			return alpha * x
		}
		return x
	}
}

// where x > 0: dy, where x < 0: α·dy, else 0
func leakyReluGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	zero := b.Scalar(x.DType, 0)
	left := b.Op("Mul", nil, dy[0], b.Scalar(x.DType, n.Float("alpha", 0.01)))
	below := b.Op("Where", nil, b.Op("Less", nil, x, zero), left, zero)
	return []*graph.Value{b.Op("Where", nil, b.Op("Greater", nil, x, zero), dy[0], below)}
}

func thresholdedRelu(n *graph.Node) func(x float64) float64 {
	alpha := n.Float("alpha", 1)
	return func(x float64) float64 {
		if x > alpha {
			return x
		}
		return 0
	}
}

// where x > α: dy, else 0
func thresholdedReluGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	return []*graph.Value{b.Op("ildc.MaskGrad", nil, dy[0],
		b.Op("Greater", nil, x, b.Scalar(x.DType, n.Float("alpha", 1))))}
}

func shrink(n *graph.Node) func(x float64) float64 {
	bias, lambd := n.Float("bias", 0), n.Float("lambd", 0.5)
	return func(x float64) float64 {
		switch {
		case x < -lambd:
			return x + bias
		case x > lambd:
			return x - bias
		}
		return 0
	}
}

// where |x| > lambd: dy, else 0
func shrinkGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	outside := b.Op("Greater", nil, b.Op("Abs", nil, x), b.Scalar(x.DType, n.Float("lambd", 0.5)))
	return []*graph.Value{b.Op("ildc.MaskGrad", nil, dy[0], outside)}
}

// strictly between the bounds: dy, else 0
func clipGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	y := n.Outputs[0] // is inside where x is; x need not be kept for this
	var inside *graph.Value
	if low := n.Input(1); low != nil {
		inside = b.Op("Greater", nil, y, reshape(b, low))
	}
	if high := n.Input(2); high != nil {
		below := b.Op("Less", nil, y, reshape(b, high))
		if inside != nil {
			below = b.Op("And", nil, inside, below)
		}
		inside = below
	}
	if inside == nil {
		return dy
	}
	return []*graph.Value{b.Op("ildc.MaskGrad", nil, dy[0], inside)}
}

func clipShape(n *graph.Node) ([]Type, error) {
	for _, bound := range n.Inputs[1:] {
		if bound != nil && bound.Shape.Static() && bound.Shape.Elements() != 1 {
			return nil, Errorf(n, ErrMalformed, "bounds that are not scalars")
		}
	}
	return sameAsFirst(n)
}

func clipEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	low, high := math.Inf(-1), math.Inf(1)
	if len(in) > 1 && in[1] != nil && in[1].Len() == 1 {
		low = in[1].Values()[0]
	}
	if len(in) > 2 && in[2] != nil && in[2].Len() == 1 {
		high = in[2].Values()[0]
	}
	return each(in[0], func(x float64) float64 { return min(max(x, low), high) }), nil
}

func clipUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	x := n.Input(0)
	if opset >= 11 || x == nil {
		return nil
	}
	in := []*graph.Value{x, nil, nil}
	for i, bound := range []string{"min", "max"} {
		if n.Has(bound) {
			in[i+1] = b.Scalar(x.DType, n.Float(bound, 0))
		}
	}
	return []*graph.Value{b.Op("Clip", nil, in...)}
}

// preluUpgrade lays a slope per channel along axis 1.
func preluUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	x, slope := n.Input(0), n.Input(1)
	if opset >= 7 || x == nil || slope == nil || len(slope.Shape) != 1 || len(x.Shape) < 3 || slope.Shape[0].Is(1) {
		return nil
	}
	return []*graph.Value{b.Op("PRelu", nil, x, b.Op("Unsqueeze", nil, slope, b.Ints(firstAxes(len(x.Shape) - 1)[1:]...)))}
}

func preluShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	both, err := broadcast(n, n.Inputs...)
	if err == nil && x.Shape != nil && (len(both) > len(x.Shape) ||
		both.Static() && x.Shape.Static() && !both.Equal(x.Shape)) {
		err = Errorf(n, ErrMalformed, "the slope does not broadcast to the input")
	}
	return []Type{{DType: x.DType, Shape: x.Shape.Clone()}}, err
}

// where x > 0: dy, where x < 0: slope·dy, else 0; for the slope, where x < 0: x·dy
func preluGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, slope := n.Inputs[0], n.Inputs[1]
	zero := b.Scalar(x.DType, 0)
	negative := b.Op("Less", nil, x, zero)
	left := b.Op("Where", nil, negative, b.Op("Mul", nil, dy[0], slope), zero)
	dx := b.Op("Where", nil, b.Op("Greater", nil, x, zero), dy[0], left)
	return []*graph.Value{dx, unbroadcast(b, b.Op("Where", nil, negative, b.Op("Mul", nil, dy[0], x), zero), slope)}
}

func preluEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	return zip(n, in[0].DType, func(x, slope float64) float64 {
		if x < 0 {
			return slope * x
		}
		return x
	}, in[0], in[1])
}

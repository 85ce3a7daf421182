package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Smooth activations, element by element: x [...] → [...].
//
//	Elu x or α(eˣ−1); Selu γx or γα(eˣ−1); Celu x or α(e^(x/α)−1); Sigmoid σ(x) = 1/(1+e⁻ˣ); Tanh;
//	Softplus log(1+eˣ); Softsign x/(1+|x|)
//	Mish x·tanh(softplus(x)); Swish x·σ(αx); Gelu as in gelu.go
//
// History: Gelu is of opset 20, Mish of 18, Swish of 24.
// https://onnx.ai/onnx/operators/onnx__Elu.html and its neighbours.
func smoothActivations() []*Spec {
	return []*Spec{
		activation("Elu", elu, eluGrad),
		activation("Selu", selu, seluGrad),
		activation("Celu", celu, celuGrad),
		activation("Sigmoid", plain(sigmoid), sigmoidGrad),
		activation("Tanh", plain(math.Tanh), tanhGrad),
		activation("Softplus", plain(softplus), softplusGrad),
		activation("Softsign", plain(func(x float64) float64 { return x / (1 + math.Abs(x)) }), softsignGrad),
		activation("Mish", plain(func(x float64) float64 { return x * math.Tanh(softplus(x)) }), mishGrad),
		activation("Gelu", gelu, geluGrad),
		composite(&Spec{Type: "Swish", Least: 1, Most: 1}, swish),
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func elu(n *graph.Node) func(x float64) float64 {
	alpha := n.Float("alpha", 1)
	return func(x float64) float64 {
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return x
	}
}

// Selu's constants (Klambauer et al. 2017, section 2), as ONNX rounds them.
const (
	seluAlpha = 1.67326319217681884765625
	seluGamma = 1.05070102214813232421875
)

func selu(n *graph.Node) func(x float64) float64 {
	alpha, gamma := n.Float("alpha", seluAlpha), n.Float("gamma", seluGamma)
	return func(x float64) float64 {
		if x < 0 {
			return gamma * alpha * math.Expm1(x)
		}
		return gamma * x
	}
}

func celu(n *graph.Node) func(x float64) float64 {
	alpha := n.Float("alpha", 1)
	return func(x float64) float64 {
		if x < 0 {
			return alpha * math.Expm1(x/alpha)
		}
		return x
	}
}

// rightOf0 is right where x > 0, else left.
func rightOf0(b *graph.Builder, x, right, left *graph.Value) []*graph.Value {
	return []*graph.Value{b.Op("Where", nil, b.Op("Greater", nil, x, b.Scalar(x.DType, 0)), right, left)}
}

// where x > 0: dy, else (y+α)·dy, as y = α(eˣ−1) has the slope αeˣ
func eluGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	left := b.Op("Mul", nil, dy[0], b.Op("Add", nil, n.Outputs[0], b.Scalar(x.DType, n.Float("alpha", 1))))
	return rightOf0(b, x, dy[0], left)
}

// where x > 0: γ·dy, else (y+γα)·dy
func seluGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	alpha, gamma := n.Float("alpha", seluAlpha), n.Float("gamma", seluGamma)
	left := b.Op("Mul", nil, dy[0], b.Op("Add", nil, n.Outputs[0], b.Scalar(x.DType, gamma*alpha)))
	return rightOf0(b, x, b.Op("Mul", nil, dy[0], b.Scalar(x.DType, gamma)), left)
}

// where x > 0: dy, else (y/α+1)·dy, as y = α(e^(x/α)−1) has the slope e^(x/α)
func celuGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	slope := b.Op("Add", nil, b.Op("Mul", nil, n.Outputs[0], b.Scalar(x.DType, 1/n.Float("alpha", 1))),
		b.Scalar(x.DType, 1))
	return rightOf0(b, x, dy[0], b.Op("Mul", nil, dy[0], slope))
}

// σ(x)·dy
func softplusGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{b.Op("Mul", nil, dy[0], b.Op("Sigmoid", nil, n.Inputs[0]))}
}

// dy/(1+|x|)²
func softsignGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	d := b.Op("Add", nil, b.Op("Abs", nil, x), b.Scalar(x.DType, 1))
	return []*graph.Value{b.Op("Div", nil, dy[0], b.Op("Mul", nil, d, d))}
}

// (t + x·σ(x)·(1−t²))·dy with t = tanh(softplus(x))
func mishGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	t := b.Op("Tanh", nil, b.Op("Softplus", nil, x))
	bent := b.Op("Sub", nil, b.Scalar(x.DType, 1), b.Op("Mul", nil, t, t))
	slope := b.Op("Add", nil, t, b.Op("Mul", nil, b.Op("Mul", nil, x, b.Op("Sigmoid", nil, x)), bent))
	return []*graph.Value{b.Op("Mul", nil, dy[0], slope)}
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

// Swish (Ramachandran, Zoph, Le 2017): x·σ(αx)
func swish(b *graph.Builder, n *graph.Node) []*graph.Value {
	x := n.Inputs[0]
	inside := x
	if alpha := n.Float("alpha", 1); alpha != 1 {
		inside = b.Op("Mul", nil, x, b.Scalar(x.DType, alpha))
	}
	return []*graph.Value{b.Op("Mul", nil, x, b.Op("Sigmoid", nil, inside))}
}

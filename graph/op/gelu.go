package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Gelu (Hendrycks, Gimpel 2016): x·Φ(x) with the normal distribution Φ(x) = ½(1 + erf(x/√2)), or, with approximate
// "tanh", ½x(1 + tanh(√(2/π)·(x + 0.044715x³))). https://onnx.ai/onnx/operators/onnx__Gelu.html

// The constants of the approximation.
const (
	geluCubic = 0.044715
	geluScale = math.Sqrt2 / math.SqrtPi
)

const sqrt2Pi = math.Sqrt2 * math.SqrtPi

func geluByTanh(n *graph.Node) bool { return n.String("approximate", "none") == "tanh" }

func gelu(n *graph.Node) func(x float64) float64 {
	if geluByTanh(n) {
		return func(x float64) float64 { return x / 2 * (1 + math.Tanh(geluScale*(x+geluCubic*x*x*x))) }
	}
	return func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) }
}

// Φ(x) + x·φ(x) with the normal density φ(x) = e^(−x²/2)/√(2π); for the approximation, with t the tanh,
// ½(1+t) + ½x(1−t²)·√(2/π)·(1 + 3·0.044715x²)
func geluGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	c := func(v float64) *graph.Value { return b.Scalar(x.DType, v) }
	add := func(v, w *graph.Value) *graph.Value { return b.Op("Add", nil, v, w) }
	mul := func(v, w *graph.Value) *graph.Value { return b.Op("Mul", nil, v, w) }
	square := mul(x, x)
	var left, right *graph.Value // Φ(x), and x·φ(x)
	if geluByTanh(n) {
		t := b.Op("Tanh", nil, mul(mul(x, c(geluScale)), add(c(1), mul(square, c(geluCubic)))))
		left = mul(add(t, c(1)), c(0.5))
		slope := mul(add(c(1), mul(square, c(3*geluCubic))), c(geluScale/2))
		right = mul(mul(x, slope), b.Op("Sub", nil, c(1), mul(t, t)))
	} else {
		left = mul(add(b.Op("Erf", nil, mul(x, c(1/math.Sqrt2))), c(1)), c(0.5))
		right = mul(x, mul(b.Op("Exp", nil, mul(square, c(-0.5))), c(1/sqrt2Pi)))
	}
	return []*graph.Value{mul(dy[0], add(left, right))}
}

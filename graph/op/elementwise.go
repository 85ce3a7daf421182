package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Arithmetic with multidirectional broadcasting: Add, Sub, Mul, Div, Pow (opset 7 on; before, B was aligned by the
// attributes broadcast and axis). a: [...], b: [...] → [broadcast].
// https://onnx.ai/onnx/operators/onnx__Add.html and its neighbours.
func elementwise() []*Spec {
	arithmetic := func(op string, f func(a, b float64) float64, grad func(b *graph.Builder, n *graph.Node,
		dy []*graph.Value) []*graph.Value) *Spec {
		return &Spec{Type: op, Least: 2, Most: 2, Upgrade: alignOperand, Shape: broadcastShape,
			Channels: broadcastChannels, Grad: grad, Eval: binary(f), Tolerance: 1e-6}
	}
	return []*Spec{
		arithmetic("Add", func(a, b float64) float64 { return a + b }, addGrad),
		arithmetic("Sub", func(a, b float64) float64 { return a - b }, subGrad),
		arithmetic("Mul", func(a, b float64) float64 { return a * b }, mulGrad),
		arithmetic("Div", func(a, b float64) float64 { return a / b }, divGrad),
		arithmetic("Pow", math.Pow, powGrad),
	}
}

// broadcastShape is the shape rule of broadcasting ops whose output has the dtype of the first input.
func broadcastShape(n *graph.Node) ([]Type, error) {
	shape, err := broadcast(n, n.Inputs...)
	return []Type{{DType: n.Inputs[0].DType, Shape: shape}}, err
}

// binary lifts a scalar function to broadcast tensors. Integer operands are computed in float64 and truncated toward
// zero, which is exact below 2⁵³.
func binary(f func(a, b float64) float64) func(*graph.Node, []*graph.Tensor) ([]*graph.Tensor, error) {
	return func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
		return zip(n, in[0].DType, f, in[0], in[1])
	}
}

func zip(n *graph.Node, dtype graph.DType, f func(a, b float64) float64, x, y *graph.Tensor) ([]*graph.Tensor, error) {
	dims := broadcastDims(x, y)
	if dims == nil {
		return nil, Errorf(n, ErrMalformed, "%v and %v do not broadcast", x.Dims, y.Dims)
	}
	a, b := x.Values(), y.Values()
	out := make([]float64, graph.Product(dims))
	walk(dims, func(i int, at []int) { out[i] = f(a[at[0]], b[at[1]]) }, graph.Strides(x.Dims, dims),
		graph.Strides(y.Dims, dims))
	return []*graph.Tensor{graph.FromValues(dtype, dims, out)}, nil
}

// alignOperand brings arithmetic and comparisons before opset 7 to today's form: with broadcast=1, B was aligned to A
// from the attribute axis on, by default to A's last axes.
func alignOperand(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	x, y := n.Input(0), n.Input(1)
	if x == nil || y == nil {
		return nil
	}
	if opset < 7 && n.Has("axis") {
		axis, behind := n.Int("axis", 0), -1
		if x.Shape != nil && y.Shape != nil && axis >= 0 && axis <= int64(len(x.Shape)) {
			behind = len(x.Shape) - int(axis) - len(y.Shape)
		}
		if behind < 0 {
			b.Fail("%w", Errorf(n, ErrMalformed, "B aligned to axis %d of A", axis))
			return nil
		}
		if behind > 0 {
			y = b.Op("Unsqueeze", nil, y, b.Ints(firstAxes(len(y.Shape) + behind)[len(y.Shape):]...))
		}
	}
	if !n.Has("broadcast") && !n.Has("axis") {
		return nil
	}
	return []*graph.Value{b.Op(n.Op, nil, x, y)}
}

// d(a+b) = da + db
func addGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{unbroadcast(b, dy[0], n.Inputs[0]), unbroadcast(b, dy[0], n.Inputs[1])}
}

// d(a−b) = da − db
func subGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{unbroadcast(b, dy[0], n.Inputs[0]), b.Op("Neg", nil, unbroadcast(b, dy[0], n.Inputs[1]))}
}

// d(a·b) = b·da + a·db
func mulGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, y := n.Inputs[0], n.Inputs[1]
	return []*graph.Value{unbroadcast(b, b.Op("Mul", nil, dy[0], y), x), unbroadcast(b, b.Op("Mul", nil, dy[0], x), y)}
}

// d(a/b) = da/b − (a/b)/b·db
func divGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, y := n.Inputs[0], n.Inputs[1]
	dx := b.Op("Div", nil, dy[0], y)
	return []*graph.Value{unbroadcast(b, dx, x), unbroadcast(b, b.Op("Neg", nil, b.Op("Mul", nil, dx, n.Outputs[0])), y)}
}

// d(aᵇ) = b·aᵇ⁻¹·da + aᵇ·ln a·db
func powGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, y := n.Inputs[0], n.Inputs[1]
	if y.DType != x.DType { // an integer exponent
		y = b.Op("Cast", graph.Attrs{"to": int64(x.DType)}, y)
	}
	one := b.Scalar(x.DType, 1)
	dx := b.Op("Mul", nil, dy[0], b.Op("Mul", nil, y, b.Op("Pow", nil, x, b.Op("Sub", nil, y, one))))
	dyy := b.Op("Mul", nil, dy[0], b.Op("Mul", nil, n.Outputs[0], b.Op("Log", nil, x)))
	return []*graph.Value{unbroadcast(b, dx, x), unbroadcast(b, dyy, y)}
}

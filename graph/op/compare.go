package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Comparisons, logic, IsNaN, IsInf, Where, and the variadic Max, Min, Sum and Mean, all with multidirectional
// broadcasting. The gradient of Max and Min goes to the first input that holds the extreme.
// History: before opset 7 comparisons aligned B by the attributes broadcast and axis; before 8 Max, Min, Sum and Mean
// took equal shapes only. https://onnx.ai/onnx/operators/onnx__Greater.html and its neighbours.
func comparisons() []*Spec {
	compare := func(op string, f func(a, b float64) bool) *Spec {
		return &Spec{Type: op, Least: 2, Most: 2, NoGrad: true, Upgrade: alignOperand, Channels: broadcastChannels,
			Shape: func(n *graph.Node) ([]Type, error) {
				shape, err := broadcast(n, n.Inputs...)
				return []Type{{DType: graph.Bool, Shape: shape}}, err
			},
			Eval: func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
				return zip(n, graph.Bool, func(a, b float64) float64 {
					if f(a, b) {
						return 1
					}
					return 0
				}, in[0], in[1])
			}}
	}
	variadic := func(op string, f func(a, b float64) float64, grad gradFunc) *Spec {
		return &Spec{Type: op, Least: 1, Most: -1, Shape: broadcastShape, Channels: broadcastChannels, Grad: grad,
			Tolerance: 1e-6,
			Eval: func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
				out := in[:1]
				for _, t := range in[1:] {
					var err error
					if out, err = zip(n, in[0].DType, f, out[0], t); err != nil {
						return nil, err
					}
				}
				return out, nil
			}}
	}
	equal := compare("Equal", func(a, b float64) bool { return a == b })
	equal.Shape = equalShape
	mean := variadic("Mean", nil, meanGrad)
	mean.Eval = meanEval
	return []*Spec{
		equal,
		compare("Less", func(a, b float64) bool { return a < b }),
		compare("LessOrEqual", func(a, b float64) bool { return a <= b }),
		compare("Greater", func(a, b float64) bool { return a > b }),
		compare("GreaterOrEqual", func(a, b float64) bool { return a >= b }),
		compare("And", func(a, b float64) bool { return a != 0 && b != 0 }),
		compare("Or", func(a, b float64) bool { return a != 0 || b != 0 }),
		compare("Xor", func(a, b float64) bool { return (a != 0) != (b != 0) }),
		property("IsNaN", func(_ *graph.Node, x float64) bool { return math.IsNaN(x) }),
		property("IsInf", func(n *graph.Node, x float64) bool {
			return n.Int("detect_positive", 1) != 0 && math.IsInf(x, 1) || n.Int("detect_negative", 1) != 0 && math.IsInf(x, -1)
		}),
		{Type: "MaskGrad", Domain: Macro, Least: 2, Most: 2, Shape: maskGradShape, Eval: maskGradEval, Lower: maskGradLower},
		{Type: "Where", AnyType: true, Least: 3, Most: 3, Shape: whereShape, Channels: broadcastChannels, Grad: whereGrad,
			Eval: whereEval},
		variadic("Max", math.Max, extremeGrad), variadic("Min", math.Min, extremeGrad),
		variadic("Sum", func(a, b float64) float64 { return a + b }, sumGrad), mean,
	}
}

// property tells something of each element: x [...] → bool [...].
func property(op string, holds func(n *graph.Node, x float64) bool) *Spec {
	return &Spec{Type: op, Least: 1, Most: 1, NoGrad: true, Channels: sameChannels,
		Shape: func(n *graph.Node) ([]Type, error) {
			return []Type{{DType: graph.Bool, Shape: n.Inputs[0].Shape.Clone()}}, nil
		},
		Eval: func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
			y := make([]bool, in[0].Len())
			for i, x := range in[0].Values() {
				y[i] = holds(n, x)
			}
			return []*graph.Tensor{graph.FromBool(in[0].Dims, y)}, nil
		}}
}

// MaskGrad(dY [...], keep bool [...]) is dY where keep, else 0: what gradients at kinks come down to. dY is finite, so
// that an engine may multiply.
func maskGradLower(b *graph.Builder, n *graph.Node) []*graph.Value {
	return []*graph.Value{b.Op("Where", nil, n.Inputs[1], n.Inputs[0], b.Scalar(n.Inputs[0].DType, 0))}
}

func maskGradShape(n *graph.Node) ([]Type, error) {
	if dy, keep := n.Inputs[0], n.Inputs[1]; keep.DType != graph.Bool ||
		dy.Shape.Static() && keep.Shape.Static() && !dy.Shape.Equal(keep.Shape) {
		return nil, Errorf(n, ErrMalformed, "a mask of %v%v", keep.DType, keep.Shape)
	}
	return sameAsFirst(n)
}

func maskGradEval(_ *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	dy, keep := in[0].Values(), in[1].Values()
	for i := range dy {
		if keep[i] == 0 {
			dy[i] = 0
		}
	}
	return []*graph.Tensor{graph.FromValues(in[0].DType, in[0].Dims, dy)}, nil
}

// elemAt is element i of a vector, or the one of a scalar.
func elemAt(e graph.Shape, i int) graph.Dim {
	if len(e) == 1 {
		return e[0]
	}
	return e[i]
}

// equalShape follows elements, since exporters compare shapes with −1: no symbolic extent is negative.
func equalShape(n *graph.Node) ([]Type, error) {
	shape, err := broadcast(n, n.Inputs...)
	t := []Type{{DType: graph.Bool, Shape: shape}}
	x, y := elems(n.Inputs[0]), elems(n.Inputs[1])
	if err != nil || x == nil || y == nil || !shape.Static() {
		return t, err
	}
	e := make(graph.Shape, shape.Elements())
	for i := range e {
		a, b := elemAt(x, i), elemAt(y, i)
		switch {
		case a.Equal(b):
			e[i] = graph.D(1)
		case a.Known() && b.Known() || a.Known() && a.Size < 0 || b.Known() && b.Size < 0:
			e[i] = graph.D(0)
		default:
			return t, nil
		}
	}
	t[0].Elems = e
	return t, nil
}

func whereShape(n *graph.Node) ([]Type, error) {
	shape, err := broadcast(n, n.Inputs...)
	t := []Type{{DType: n.Inputs[1].DType, Shape: shape}}
	c, x, y := flags(n.Inputs[0]), elems(n.Inputs[1]), elems(n.Inputs[2])
	if err != nil || c == nil || x == nil || y == nil || !shape.Static() {
		return t, err
	}
	e := make(graph.Shape, shape.Elements())
	for i := range e {
		if e[i] = elemAt(x, i); elemAt(c, i).Is(0) {
			e[i] = elemAt(y, i)
		}
	}
	t[0].Elems = e
	return t, nil
}

func whereGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	c, x, y := n.Inputs[0], n.Inputs[1], n.Inputs[2]
	zero := b.Scalar(dy[0].DType, 0)
	return []*graph.Value{nil, unbroadcast(b, b.Op("Where", nil, c, dy[0], zero), x),
		unbroadcast(b, b.Op("Where", nil, c, zero, dy[0]), y)}
}

func whereEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	dims := broadcastDims(in...)
	if dims == nil || in[0].DType != graph.Bool {
		return nil, Errorf(n, ErrMalformed, "%v chooses from %v and %v", in[0], in[1], in[2])
	}
	both, err := endToEnd(n, in[1], in[2])
	if err != nil {
		return nil, err
	}
	c := in[0].Values()
	source := make([]int, graph.Product(dims))
	walk(dims, func(i int, at []int) {
		if source[i] = in[1].Len() + at[2]; c[at[0]] != 0 {
			source[i] = at[1]
		}
	}, graph.Strides(in[0].Dims, dims), graph.Strides(in[1].Dims, dims), graph.Strides(in[2].Dims, dims))
	return []*graph.Tensor{arrange(both, dims, source)}, nil
}

// extremeGrad gives dy to the first input that equals the output.
func extremeGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	zero := b.Scalar(dy[0].DType, 0)
	rest := dy[0]
	grads := make([]*graph.Value, len(n.Inputs))
	for i, x := range n.Inputs {
		holds := b.Op("Equal", nil, x, n.Outputs[0])
		grads[i] = unbroadcast(b, b.Op("Where", nil, holds, rest, zero), x)
		rest = b.Op("Where", nil, holds, zero, rest)
	}
	return grads
}

func sumGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := make([]*graph.Value, len(n.Inputs))
	for i, x := range n.Inputs {
		grads[i] = unbroadcast(b, dy[0], x)
	}
	return grads
}

func meanGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return sumGrad(b, n, []*graph.Value{b.Op("Mul", nil, dy[0], b.Scalar(dy[0].DType, 1/float64(len(n.Inputs))))})
}

func meanEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	out, err := Lookup("", "Sum").Eval(n, in)
	if err != nil {
		return nil, err
	}
	v := out[0].Values()
	for i := range v {
		v[i] /= float64(len(in))
	}
	return []*graph.Tensor{graph.FromValues(in[0].DType, out[0].Dims, v)}, nil
}

package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Reductions over axes: data [...], axes [k] → [...] with the reduced extents 1, or gone with keepdims 0. Without axes all are reduced,
// unless noop_with_empty_axes. The gradient of ReduceMax and ReduceMin goes to the first extreme.
// History: axes were an attribute before opset 13 (ReduceSum) and 18 (the others).
// https://onnx.ai/onnx/operators/onnx__ReduceMean.html and its neighbours.
func reductions() []*Spec {
	reduce := func(op string, f func(v []float64) float64, grad gradFunc) *Spec {
		return &Spec{Type: op, Least: 1, Most: 2, Upgrade: reduceUpgrade, Shape: reduceShape, Channels: reduceChannels, Grad: grad, Eval: reduceEval(f), Tolerance: 1e-5}
	}
	sum := func(v []float64) float64 {
		s := 0.0
		for _, x := range v {
			s += x
		}
		return s
	}
	squares := func(v []float64) float64 {
		s := 0.0
		for _, x := range v {
			s += x * x
		}
		return s
	}
	return []*Spec{
		reduce("ReduceSum", sum, func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{spread(b, n, dy[0])}
		}),
		reduce("ReduceMean", func(v []float64) float64 { return sum(v) / float64(len(v)) }, func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
			x, y := n.Inputs[0].Shape.Elements(), n.Outputs[0].Shape.Elements()
			return []*graph.Value{b.Op("Mul", nil, spread(b, n, dy[0]), b.Scalar(dy[0].DType, float64(y)/float64(x)))}
		}),
		reduce("ReduceSumSquare", squares, func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Mul", nil, b.Op("Mul", nil, spread(b, n, dy[0]), n.Inputs[0]), b.Scalar(dy[0].DType, 2))}
		}),
		reduce("ReduceL2", func(v []float64) float64 { return math.Sqrt(squares(v)) }, func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{b.Op("Mul", nil, spread(b, n, b.Op("Div", nil, dy[0], n.Outputs[0])), n.Inputs[0])}
		}),
		reduce("ReduceMax", slices.Max[[]float64], reduceExtremeGrad),
		reduce("ReduceMin", slices.Min[[]float64], reduceExtremeGrad),
	}
}

func reduceUpgrade(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
	if !n.Has("axes") {
		return nil
	}
	return []*graph.Value{b.Op(n.Op, graph.Attrs{"keepdims": n.Int("keepdims", 1)}, n.Inputs[0], b.Ints(n.Ints("axes")...))}
}

// reducedAxes gives which axes of a value of that rank are reduced; ok is false where they are computed by the graph.
func reducedAxes(n *graph.Node, rank int) (reduced []bool, ok bool, err error) {
	reduced = make([]bool, rank)
	var axes []int64
	if n.Input(1) != nil {
		if axes, ok = constInts(n.Inputs[1]); !ok {
			return nil, false, nil
		}
	}
	if len(axes) == 0 {
		for i := range reduced {
			reduced[i] = n.Int("noop_with_empty_axes", 0) == 0
		}
	}
	for _, axis := range axes {
		a, ok := graph.Axis(axis, rank)
		if !ok {
			return nil, false, Errorf(n, ErrMalformed, "axis %d", axis)
		}
		reduced[a] = true
	}
	return reduced, true, nil
}

func reduceShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	if x.Shape == nil {
		return []Type{t}, nil
	}
	reduced, ok, err := reducedAxes(n, len(x.Shape))
	if err != nil || !ok {
		return []Type{t}, err
	}
	t.Shape = graph.Shape{}
	for i, d := range x.Shape {
		switch {
		case !reduced[i]:
			t.Shape = append(t.Shape, d)
		case n.Int("keepdims", 1) != 0:
			t.Shape = append(t.Shape, graph.D(1))
		}
	}
	return []Type{t}, nil
}

// reduceChannels couples the axes that stay. A reduction over channels is another function of fewer channels, so it keeps them.
func reduceChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	reduced, ok, _ := reducedAxes(n, len(x.Shape))
	if !ok {
		return
	}
	out := 0
	for i := range x.Shape {
		if !reduced[i] {
			c.Same(x, i, y, out)
		}
		if !reduced[i] || n.Int("keepdims", 1) != 0 {
			out++
		}
	}
}

// spread brings a value of the output's shape back to the input's, each element repeated along the reduced axes.
func spread(b *graph.Builder, n *graph.Node, v *graph.Value) *graph.Value {
	x := n.Inputs[0]
	return b.Op("Expand", nil, kept(b, n, v), b.Ints(int64s(x.Shape.Sizes())...))
}

// kept gives a value of the output's shape the extents of 1 that keepdims 0 dropped.
func kept(b *graph.Builder, n *graph.Node, v *graph.Value) *graph.Value {
	dims := n.Inputs[0].Shape.Sizes()
	reduced, _, _ := reducedAxes(n, len(dims))
	for i := range dims {
		if reduced[i] {
			dims[i] = 1
		}
	}
	return reshape(b, v, dims...)
}

// reduceExtremeGrad gives dy to the first element, in row-major order, that equals the output.
func reduceExtremeGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	dims := x.Shape.Sizes()
	reduced, _, _ := reducedAxes(n, len(dims))
	holds := b.Op("Equal", nil, x, kept(b, n, n.Outputs[0]))
	// Number the elements along the reduced axes; of those that hold the extreme, the lowest number is the first.
	number := make([]float64, graph.Product(dims))
	of := make([]int, len(dims))
	for i := range of {
		if of[i] = 1; reduced[i] {
			of[i] = dims[i]
		}
	}
	walk(dims, func(i int, at []int) { number[i] = float64(at[0]) }, strides(of, dims))
	count := graph.Product(of)
	numbers := b.Const("number", graph.FromValues(x.DType, dims, number))
	candidates := b.Op("Where", nil, holds, numbers, b.Scalar(x.DType, float64(count)))
	var axes []int64
	for i, r := range reduced {
		if r {
			axes = append(axes, int64(i))
		}
	}
	first := b.Op("ReduceMin", graph.Attrs{"keepdims": int64(1)}, candidates, b.Ints(axes...))
	return []*graph.Value{b.Op("Where", nil, b.Op("Equal", nil, numbers, first), kept(b, n, dy[0]), b.Scalar(x.DType, 0))}
}

func reduceEval(f func(v []float64) float64) func(*graph.Node, []*graph.Tensor) ([]*graph.Tensor, error) {
	return func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
		x := in[0]
		var axes []int64
		if len(in) > 1 && in[1] != nil {
			axes = in[1].Int64s()
		}
		reduced := make([]bool, len(x.Dims))
		for _, axis := range axes {
			a, ok := graph.Axis(axis, len(x.Dims))
			if !ok {
				return nil, Errorf(n, ErrMalformed, "axis %d of %v", axis, x.Dims)
			}
			reduced[a] = true
		}
		if len(axes) == 0 {
			for i := range reduced {
				reduced[i] = n.Int("noop_with_empty_axes", 0) == 0
			}
		}
		dims, out := slices.Clone(x.Dims), []int{}
		for i, r := range reduced {
			if r {
				dims[i] = 1
			}
			if !r || n.Int("keepdims", 1) != 0 {
				out = append(out, dims[i])
			}
		}
		sets := make([][]float64, graph.Product(dims))
		v := x.Values()
		walk(x.Dims, func(i int, at []int) { sets[at[0]] = append(sets[at[0]], v[i]) }, strides(dims, x.Dims))
		y := make([]float64, len(sets))
		for i, s := range sets {
			if len(s) == 0 {
				return nil, Errorf(n, ErrUnsupported, "a reduction of %v, which has no elements", x.Dims)
			}
			y[i] = f(s)
		}
		return []*graph.Tensor{graph.FromValues(x.DType, out, y)}, nil
	}
}

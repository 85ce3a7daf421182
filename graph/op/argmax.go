package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// ArgMax and ArgMin give the position of the extreme along an axis, the first of several, or the last with
// select_last_index: data [...] → int64 [...] with the axis 1, or gone with keepdims 0.
// https://onnx.ai/onnx/operators/onnx__ArgMax.html
func argExtremes() []*Spec {
	arg := func(op string, beats func(a, b float64) bool) *Spec {
		return &Spec{Type: op, Least: 1, Most: 1, NoGrad: true, Shape: argShape, Channels: argChannels, Eval: argEval(beats)}
	}
	return []*Spec{
		arg("ArgMax", func(a, b float64) bool { return a > b }),
		arg("ArgMin", func(a, b float64) bool { return a < b }),
	}
}

func argAxis(n *graph.Node, rank int) (int, error) {
	axis, ok := graph.Axis(n.Int("axis", 0), rank)
	if !ok {
		return 0, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", 0))
	}
	return axis, nil
}

func argShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: graph.Int64}
	if x.Shape == nil {
		return []Type{t}, nil
	}
	axis, err := argAxis(n, len(x.Shape))
	if err != nil {
		return nil, err
	}
	t.Shape = x.Shape.Clone()
	if t.Shape[axis] = graph.D(1); !keepsDims(n) {
		t.Shape = slices.Delete(t.Shape, axis, axis+1)
	}
	return []Type{t}, nil
}

// argChannels couples the other axes. Positions along the axis are the result, so they stay.
func argChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	axis, err := argAxis(n, len(x.Shape))
	if err != nil {
		return
	}
	for i := range x.Shape {
		switch {
		case i == axis:
			c.fix(x, i, "node "+n.Name+" ("+n.OpName()+") gives positions on it")
		case i > axis && !keepsDims(n):
			c.tie(x, i, y, i-1)
		default:
			c.tie(x, i, y, i)
		}
	}
}

func argEval(beats func(a, b float64) bool) evalFunc {
	return func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
		x := in[0]
		axis, err := argAxis(n, len(x.Dims))
		if err != nil {
			return nil, err
		}
		v, size, inner := x.Values(), x.Dims[axis], graph.Product(x.Dims[axis+1:])
		dims := slices.Clone(x.Dims)
		if dims[axis] = 1; !keepsDims(n) {
			dims = slices.Delete(dims, axis, axis+1)
		}
		if size == 0 && graph.Product(dims) > 0 {
			return nil, Errorf(n, ErrMalformed, "no position of %v along axis %d", x.Dims, axis)
		}
		y := make([]int64, graph.Product(dims))
		for i := range y {
			at := func(k int) float64 { return v[(i/inner*size+k)*inner+i%inner] }
			best := 0
			for k := range size {
				if beats(at(k), at(best)) || n.Int("select_last_index", 0) != 0 && at(k) == at(best) {
					best = k
				}
			}
			y[i] = int64(best)
		}
		return []*graph.Tensor{graph.FromInt64(dims, y)}, nil
	}
}

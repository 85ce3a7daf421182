package op

import (
	"github.com/ildc/ildc/graph"
)

// CumSum sums along an axis up to each element, or from it on with reverse, without it with exclusive: x [...], axis []
// → [...]. Trilu keeps the upper triangle of matrices, on and above the k-th diagonal, or the lower with upper 0: x
// [...,M,N], k [] → [...,M,N]. https://onnx.ai/onnx/operators/onnx__CumSum.html,
// https://onnx.ai/onnx/operators/onnx__Trilu.html

// cumSumChannels couples the axes that are not summed along.
func cumSumChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	given, ok := scalarInt(n.Inputs[1])
	axis, known := graph.Axis(given, len(x.Shape))
	if !ok || !known {
		return
	}
	for a := range x.Shape {
		if a != axis {
			c.tie(x, a, y, a)
		}
	}
}

// scalarInt is the one element of an integer value, where it is known.
func scalarInt(v *graph.Value) (int64, bool) {
	if v != nil && v.Const != nil && v.Const.DType.IsInt() && v.Const.Len() == 1 {
		return v.Const.Int64s()[0], true
	}
	if e := elems(v); len(e) == 1 && e[0].Known() {
		return int64(e[0].Size), true
	}
	return 0, false
}

// cumSumGrad sums dy from the other end.
func cumSumGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	attrs := graph.Attrs{"exclusive": n.Int("exclusive", 0), "reverse": 1 - n.Int("reverse", 0)}
	return []*graph.Value{b.Op("CumSum", attrs, dy[0], n.Inputs[1])}
}

func cumSumEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[0]
	if in[1].Len() != 1 || !in[1].DType.IsInt() {
		return nil, Errorf(n, ErrMalformed, "axis %v", in[1])
	}
	axis, ok := graph.Axis(in[1].Int64s()[0], len(x.Dims))
	if !ok {
		return nil, Errorf(n, ErrMalformed, "axis %d", in[1].Int64s()[0])
	}
	v := x.Values()
	size, inner := x.Dims[axis], graph.Product(x.Dims[axis+1:])
	for outer := range graph.Product(x.Dims[:axis]) {
		for i := range inner {
			sum := 0.0
			for p := range size {
				if n.Int("reverse", 0) != 0 {
					p = size - 1 - p
				}
				e := &v[(outer*size+p)*inner+i]
				before := sum
				sum += *e
				if *e = sum; n.Int("exclusive", 0) != 0 {
					*e = before
				}
			}
		}
	}
	return []*graph.Tensor{graph.FromValues(x.DType, x.Dims, v)}, nil
}

// triluChannels couples the axes in front of the matrices.
func triluChannels(c *Coupling, n *graph.Node) {
	for a := range max(0, len(n.Inputs[0].Shape)-2) {
		c.tie(n.Inputs[0], a, n.Outputs[0], a)
	}
}

func triluGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{b.Op("Trilu", graph.Attrs{"upper": n.Int("upper", 1)},
		append([]*graph.Value{dy[0]}, n.Inputs[1:]...)...)}
}

func triluEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[0]
	if len(x.Dims) < 2 {
		return nil, Errorf(n, ErrMalformed, "want rank 2 or more")
	}
	k := int64(0)
	if len(in) > 1 && in[1] != nil {
		if in[1].Len() != 1 || !in[1].DType.IsInt() {
			return nil, Errorf(n, ErrMalformed, "diagonal %v", in[1])
		}
		k = in[1].Int64s()[0]
	}
	v := x.Values()
	rows, columns := x.Dims[len(x.Dims)-2], x.Dims[len(x.Dims)-1]
	for i := range v {
		beyond := int64(i%columns) - int64(i/columns%rows) - k // how far right of the diagonal
		if upper := n.Int("upper", 1) != 0; upper && beyond < 0 || !upper && beyond > 0 {
			v[i] = 0
		}
	}
	return []*graph.Tensor{graph.FromValues(x.DType, x.Dims, v)}, nil
}

package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// OneHot: indices [...], depth [], values [2] = (off, on) → [...] with an axis of that depth, on at the index, off
// elsewhere and where the index, negative ones counted from the end, lies outside.
// https://onnx.ai/onnx/operators/onnx__OneHot.html

func oneHotAxis(n *graph.Node, rank int) (int, error) {
	axis, ok := graph.Axis(n.Int("axis", -1), rank+1)
	if !ok {
		return 0, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", -1))
	}
	return axis, nil
}

func oneHotShape(n *graph.Node) ([]Type, error) {
	index := n.Inputs[0]
	t := Type{DType: n.Inputs[2].DType}
	if index.Shape == nil {
		return []Type{t}, nil
	}
	axis, err := oneHotAxis(n, len(index.Shape))
	if err != nil {
		return nil, err
	}
	depth := graph.Unknown
	if e := elems(n.Inputs[1]); len(e) == 1 {
		depth = e[0]
	} else if c := n.Inputs[1].Const; c != nil && c.Len() == 1 && c.DType.Known() && c.DType != graph.String {
		depth = graph.D(int(c.Values()[0]))
	}
	t.Shape = slices.Insert(index.Shape.Clone(), axis, depth)
	return []Type{t}, checkExtents(n, graph.Shape{depth})
}

func oneHotEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	index, values := in[0], in[2]
	axis, err := oneHotAxis(n, len(index.Dims))
	if err != nil {
		return nil, err
	}
	if in[1].Len() != 1 || values.Len() != 2 {
		return nil, Errorf(n, ErrMalformed, "depth %v, values %v", in[1], values)
	}
	depth := int64(in[1].Values()[0])
	dims, err := checkDims(n, slices.Insert(int64s(index.Dims), axis, depth))
	if err != nil {
		return nil, err
	}
	at := index.Values()
	inner := graph.Product(index.Dims[axis:])
	source := make([]int, graph.Product(dims)) // 0 is off, 1 on
	for i, v := range at {
		if k, ok := graph.Axis(int64(v), int(depth)); ok {
			source[(i/inner*int(depth)+k)*inner+i%inner] = 1
		}
	}
	return []*graph.Tensor{arrange(values, dims, source)}, nil
}

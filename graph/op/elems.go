package op

import (
	"github.com/ildc/ildc/graph"
)

// maxElems bounds the integer tensors whose elements inference follows: shapes and axes, not data.
const maxElems = 64

// elems gives the elements of a small integer value as extents, nil where they are not followed.
func elems(v *graph.Value) graph.Shape {
	switch {
	case v == nil || v.DType == graph.Bool:
		return nil
	case v.Elems != nil:
		return v.Elems
	case v.Const == nil || v.Const.Len() > maxElems || len(v.Const.Dims) > 1:
		return nil
	}
	return asExtents(v.Const.Int64s())
}

// flags is elems of a small bool value: 0 and 1.
func flags(v *graph.Value) graph.Shape {
	switch {
	case v.DType != graph.Bool:
		return nil
	case v.Elems != nil:
		return v.Elems
	case v.Const == nil || v.Const.Len() > maxElems || len(v.Const.Dims) > 1:
		return nil
	}
	return asExtents(graph.FromValues(graph.Int64, v.Const.Dims, v.Const.Values()).Int64s())
}

// asExtents writes integers, where there are any, as extents.
func asExtents(ints []int64) graph.Shape {
	if ints == nil {
		return nil
	}
	e := make(graph.Shape, len(ints))
	for i, n := range ints {
		e[i] = graph.D(int(n))
	}
	return e
}

// constInts gives the elements of an integer input where all are known: those of a constant, however many, or those that inference has followed.
func constInts(v *graph.Value) ([]int64, bool) {
	if v != nil && v.Const != nil && v.Const.DType.IsInt() && len(v.Const.Dims) == 1 {
		return v.Const.Int64s(), true
	}
	e := elems(v)
	if e == nil {
		return nil, false
	}
	ints := make([]int64, len(e))
	for i, d := range e {
		if !d.Known() {
			return nil, false
		}
		ints[i] = int64(d.Size)
	}
	return ints, true
}

// evalElems evaluates a node on the known elements of its integer inputs; nil where one is not known.
func evalElems(n *graph.Node, shape graph.Shape) graph.Shape {
	if len(shape) > 1 || !shape.Static() || shape.Elements() > maxElems {
		return nil
	}
	in := make([]*graph.Tensor, len(n.Inputs))
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		ints, ok := constInts(v)
		if !ok || !v.DType.IsInt() || !v.Shape.Static() || v.Shape.Elements() != len(ints) {
			return nil
		}
		in[i] = graph.FromInt64(v.Shape.Sizes(), ints)
	}
	out, err := Of(n).Eval(n, in)
	if err != nil || !out[0].DType.IsInt() {
		return nil
	}
	return asExtents(out[0].Int64s())
}

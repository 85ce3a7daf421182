package op

import (
	"math"

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

// constInts gives the elements of an integer input where all are known: those of a constant, however many, or those
// that inference has followed.
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

// evalElems evaluates a node on inputs all of whose elements are known, small as shapes and what is computed from them
// are; nil where one is not known, or where an element of the result is no integer.
func evalElems(n *graph.Node, t Type) graph.Shape {
	if len(t.Shape) > 1 || !t.Shape.Static() || t.Shape.Elements() > maxElems || len(n.Captures) > 0 {
		return nil
	}
	in := make([]*graph.Tensor, len(n.Inputs))
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		if in[i] = knownTensor(v); in[i] == nil {
			return nil
		}
	}
	out, err := Of(n).Eval(n, in)
	if err != nil || !(out[0].DType.IsInt() || out[0].DType.IsFloat()) {
		return nil
	}
	e := make(graph.Shape, out[0].Len())
	for i, x := range out[0].Values() {
		if x != math.Trunc(x) || math.Abs(x) > 1<<53 {
			return nil
		}
		e[i] = graph.D(int(x))
	}
	return e
}

// knownTensor is a small value of numbers all of whose elements are known.
func knownTensor(v *graph.Value) *graph.Tensor {
	switch {
	case v.Const != nil && v.Const.Len() <= maxElems && (v.DType.IsInt() || v.DType.IsFloat()):
		return v.Const
	case v.Elems == nil || !v.Elems.Static() || !v.Shape.Static() || v.Shape.Elements() != len(v.Elems) ||
		v.DType == graph.Bool:
		return nil
	}
	values := make([]float64, len(v.Elems))
	for i, d := range v.Elems {
		values[i] = float64(d.Size)
	}
	return graph.FromValues(v.DType, v.Shape.Sizes(), values)
}

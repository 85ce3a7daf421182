package graph

import (
	"math"
	"reflect"
	"slices"
)

// Same says whether two attributes are the same: floats bit for bit, so that a NaN equals itself, and tensors by type,
// extents and elements. What an [Opaque] attribute holds is not looked into.
func Same(a, b any) bool {
	switch b := b.(type) {
	case *Tensor:
		a, ok := a.(*Tensor)
		return ok && a.Same(b)
	case Opaque:
		_, ok := a.(Opaque)
		return ok
	case float32:
		a, ok := a.(float32)
		return ok && same32(a, b)
	case []float32:
		a, ok := a.([]float32)
		return ok && slices.EqualFunc(a, b, same32)
	case []float64:
		a, ok := a.([]float64)
		return ok && slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
	case []int64:
		a, ok := a.([]int64)
		return ok && slices.Equal(a, b)
	case []string:
		a, ok := a.([]string)
		return ok && slices.Equal(a, b)
	}
	return reflect.DeepEqual(a, b)
}

func same32(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// Same says whether two tensors have one type, one shape and the same elements, see [Same].
func (t *Tensor) Same(as *Tensor) bool {
	return t.DType == as.DType && slices.Equal(t.Dims, as.Dims) && Same(t.Data, as.Data)
}

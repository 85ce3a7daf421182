package graph_test

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
)

func TestSame(t *testing.T) {
	nan := float32(math.NaN())
	zeros := func(dtype graph.DType, dims ...int) *graph.Tensor { return graph.NewTensor(dtype, dims...) }
	tests := []struct {
		a, b any
		want bool
	}{
		{int64(1), int64(1), true},
		{int64(1), int64(2), false},
		{int64(1), float32(1), false},
		{nan, nan, true},
		{float32(0), float32(math.Copysign(0, -1)), false},
		{[]float32{1, nan}, []float32{1, nan}, true},
		{[]int64(nil), []int64{}, true},
		{[]int64{1}, []int64{2}, false},
		{"a", "a", true},
		{[]string{"a"}, []string{"b"}, false},
		{zeros(graph.Float32, 2), zeros(graph.Float32, 2), true},
		{zeros(graph.Float32, 2), zeros(graph.Float32, 2, 1), false},
		{zeros(graph.Float32, 2), zeros(graph.Float64, 2), false},
		{graph.FromFloat64(nil, []float64{math.NaN()}), graph.FromFloat64(nil, []float64{math.NaN()}), true},
		{zeros(graph.Bool, 1), graph.FromBool([]int{1}, []bool{true}), false},
		{zeros(graph.Float32, 2), nil, false},
		{nil, zeros(graph.Float32, 2), false},
		{graph.Opaque{}, graph.Opaque{Origin: 1}, true},
		{nil, graph.Opaque{}, false},
	}
	for _, test := range tests {
		if got := graph.Same(test.a, test.b); got != test.want {
			t.Errorf("%v and %v: %v, want %v", test.a, test.b, got, test.want)
		}
	}
}

package enginetest

import (
	"math/rand"

	"github.com/ildc/ildc/graph"
)

func ints(v ...int64) []int64 { return v }

// normal is a float32 tensor of normal variates; the dims are its seed.
func normal(dims ...int) *graph.Tensor {
	return numbers(func(r *rand.Rand) float64 { return r.NormFloat64() }, dims)
}

// positive is a float32 tensor of numbers in [0.5, 2).
func positive(dims ...int) *graph.Tensor {
	return numbers(func(r *rand.Rand) float64 { return 0.5 + 1.5*r.Float64() }, dims)
}

// tied is a float32 tensor of small integers, negative ones too, many of them equal.
func tied(dims ...int) *graph.Tensor {
	return numbers(func(r *rand.Rand) float64 { return float64(r.Intn(5) - 2) }, dims)
}

func numbers(f func(r *rand.Rand) float64, dims []int) *graph.Tensor {
	seed := int64(len(dims))
	for _, d := range dims {
		seed = seed*31 + int64(d)
	}
	r := rand.New(rand.NewSource(seed))
	v := make([]float64, graph.Product(dims))
	for i := range v {
		v[i] = f(r)
	}
	return graph.FromValues(graph.Float32, dims, v)
}

func flags(dims ...int) *graph.Tensor {
	t := tied(dims...)
	v := make([]bool, t.Len())
	for i, x := range t.Float32s() {
		v[i] = x > 0
	}
	return graph.FromBool(dims, v)
}

func list(t ...*graph.Tensor) []*graph.Tensor { return t }

func scalar(v float64) *graph.Tensor { return graph.Scalar(graph.Float32, v) }

func withAttr(attrs a, name string, v any) a {
	out := a{name: v}
	for k, v := range attrs {
		out[k] = v
	}
	return out
}

func int64s(v []int) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out
}

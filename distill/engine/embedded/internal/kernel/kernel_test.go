package kernel

import (
	"math"
	"math/rand"
	"testing"
)

// Sums of a few hundred products of normal variates, in float32 and in another order than the float64 loops they are
// compared with, differ by about 1e-6 of the largest; 2e-5 leaves room for the thousands of terms of weight
// gradients.
const tolerance = 2e-5

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// near fails where got differs from want by more than tolerance times the largest magnitude of want.
func near(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	scale := 1.0
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i, w := range want {
		if !(math.Abs(float64(got[i])-w) <= tolerance*scale) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], w)
		}
	}
}

func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// eachWay runs f by each way to compute products that this processor has.
func eachWay(t *testing.T, f func(t *testing.T)) {
	was := fastest
	defer func() { fastest = was }()
	for _, way := range available() {
		fastest = way
		t.Run(way.name, f)
	}
}

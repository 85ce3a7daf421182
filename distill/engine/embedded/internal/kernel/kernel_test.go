package kernel

import (
	"fmt"
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

// withoutAssembly runs f by the assembly, where there is any, and by the Go code that stands in for it.
func withoutAssembly(t *testing.T, f func(t *testing.T)) {
	was := accelerated
	defer func() { accelerated = was }()
	for _, on := range []bool{was, false} {
		accelerated = on
		t.Run(fmt.Sprintf("assembly=%v", on), f)
	}
}

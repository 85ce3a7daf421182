package pass_test

import (
	"math"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// checkSame evaluates two graphs on the same inputs, and checks that each output of want is one of got and differs from it by tolerance
// at most, relative to the largest magnitude of that output.
func checkSame(t *testing.T, got, want *graph.Graph, in map[string]*graph.Tensor, tolerance float64) {
	t.Helper()
	a, err := pass.Eval(got, in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := pass.Eval(want, in)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range b {
		if diff := largestDifference(a[name], w); !(diff <= tolerance) {
			t.Errorf("output %q differs by %g of its largest element", name, diff)
		}
	}
}

// largestDifference is relative to the largest magnitude of want; infinite where the dims differ.
func largestDifference(got, want *graph.Tensor) float64 {
	if got == nil || !slices.Equal(got.Dims, want.Dims) {
		return math.Inf(1)
	}
	diff, scale := 0.0, 0.0
	a, b := got.Values(), want.Values()
	for i := range b {
		diff, scale = max(diff, math.Abs(a[i]-b[i])), max(scale, math.Abs(b[i]))
		if math.IsNaN(a[i] - b[i]) {
			return math.NaN()
		}
	}
	return diff / scale
}

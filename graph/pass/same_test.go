package pass_test

import (
	"fmt"
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// same evaluates two graphs on the same inputs, and says where an output of want is none of got, or differs from it by
// more than tolerance, relative to the largest magnitude of that output.
func same(got, want *graph.Graph, in map[string]*graph.Tensor, tolerance float64) error {
	a, err := pass.Eval(got, in)
	if err != nil {
		return err
	}
	b, err := pass.Eval(want, in)
	if err != nil {
		return err
	}
	for name, w := range b {
		if diff := largestDifference(a[name], w); !(diff <= tolerance) {
			return fmt.Errorf("output %q differs by %g of its largest element", name, diff)
		}
	}
	return nil
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

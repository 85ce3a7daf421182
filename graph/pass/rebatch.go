package pass

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Run evaluates a graph once: [Eval], or an engine.
type Run func(g *graph.Graph, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error)

// SameByBatch verifies a rebatched graph: on random inputs, many (specialised to a batch of more than 1) must give,
// sample by sample, what one (specialised to a batch of 1) gives. The error names the outputs that differ. Results may
// differ by the order of float32 sums, hence the tolerance of 10⁻³ of the output's largest magnitude.
func SameByBatch(one, many *graph.Graph, run Run) error {
	random := rand.New(rand.NewPCG(1, 2))
	batch := 0
	in := map[string]*graph.Tensor{}
	for _, v := range many.Inputs {
		dims := v.Shape.Sizes()
		if len(dims) == 0 {
			return fmt.Errorf("pass: input %q %v has no batch", v.Name, v.Shape)
		}
		batch = dims[0]
		data := make([]float64, graph.Product(dims))
		for i := range data {
			if data[i] = random.NormFloat64(); v.DType.IsInt() {
				data[i] = float64(random.IntN(8))
			}
		}
		in[v.Name] = graph.FromValues(v.DType, dims, data)
	}
	all, err := run(many, in)
	if err != nil {
		return fmt.Errorf("pass: batch of %d: %w", batch, err)
	}
	for i := range batch {
		sample := map[string]*graph.Tensor{}
		for name, t := range in {
			sample[name] = t.Take(0, []int{i})
		}
		want, err := run(one, sample)
		if err != nil {
			return fmt.Errorf("pass: batch of 1: %w", err)
		}
		for _, v := range one.Outputs {
			if err := sameRow(all[v.Name], want[v.Name], i, batch); err != nil {
				return fmt.Errorf("pass: output %q of sample %d depends on the batch: %w", v.Name, i, err)
			}
		}
	}
	return nil
}

func sameRow(all, one *graph.Tensor, i, batch int) error {
	if len(all.Dims) == 0 || all.Dims[0] != batch*one.Dims[0] || !slices.Equal(all.Dims[1:], one.Dims[1:]) {
		return fmt.Errorf("%v for a batch of %d, %v for one", all, batch, one)
	}
	want, n := one.Values(), one.Len()
	got := all.Values()[i*n:][:n]
	scale := 0.0
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for k, w := range want {
		if !(math.Abs(got[k]-w) <= 1e-3*scale+1e-6) {
			return fmt.Errorf("element %d is %g, for one sample alone %g", k, got[k], w)
		}
	}
	return nil
}

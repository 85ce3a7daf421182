package golden

import (
	"context"
	"fmt"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
)

// Inputs takes the inputs of n cases from the first samples of a dataset, batch samples each.
func Inputs(
	ctx context.Context, ds dataset.Dataset, b *dataset.Binding, n, batch int,
) ([]map[string]*graph.Tensor, error) {
	if n < 1 || batch < 1 || ds.Len() < n*batch {
		return nil, fmt.Errorf("golden: %d cases of %d samples from %d samples", n, batch, ds.Len())
	}
	loader, err := dataset.NewLoader(ds, dataset.LoaderOptions{Batch: batch, Bindings: []*dataset.Binding{b}})
	if err != nil {
		return nil, fmt.Errorf("golden: %w", err)
	}
	var inputs []map[string]*graph.Tensor
	for batch, err := range loader.Batches(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("golden: %w", err)
		}
		if inputs = append(inputs, batch.Inputs); len(inputs) == n {
			break
		}
	}
	return inputs, nil
}

package distill

import (
	"context"
	"log/slog"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// defaultBatch is how many samples a step takes where nothing else is asked for.
const defaultBatch = 64

// model is a graph by what it is called in messages.
type model struct {
	name  string
	graph *graph.Graph
}

// settleBatch gives the batch that models run with: bind's, or, where the batch of one is fixed and cannot be changed,
// that one.
func settleBatch(ctx context.Context, b backend, bind pass.Binding, log *slog.Logger, models ...model) (int, error) {
	batch := bind.Batch
	for _, m := range models {
		if n := fixedBatch(m.graph); n > 1 && n != batch {
			log.Warn("the model's batch is fixed: running with it", "model", m.name, "batch", n)
			batch = n
		}
		err := b.verifyBatch(ctx, m.graph, bind)
		if cancelled(ctx, err) {
			return 0, err
		}
		if err != nil {
			log.Warn("the model's batch is fixed and cannot be changed: running with batch 1", "model", m.name, "why", err)
			batch = 1
		}
	}
	return batch, nil
}

// fixedBatch is the leading extent that all inputs of a model state, 0 where they don't, or differ.
func fixedBatch(g *graph.Graph) int {
	batch := 0
	for i, v := range g.Inputs {
		if len(v.Shape) == 0 || !v.Shape[0].Known() || i > 0 && v.Shape[0].Size != batch {
			return 0
		}
		batch = v.Shape[0].Size
	}
	return batch
}

// verifyBatch checks a model with a fixed batch of 1 that has been rebatched.
func (b backend) verifyBatch(ctx context.Context, g *graph.Graph, bind pass.Binding) error {
	const batch = 3
	if !pass.Rebatched(g, batch) {
		return nil
	}
	bind.Batch = batch
	many, err := pass.Bound(g, bind)
	if err != nil {
		return err
	}
	bind.Batch = 1
	one, err := pass.Bound(g, bind)
	if err != nil {
		return err
	}
	programs := map[*graph.Graph]*compiled{}
	for _, g := range []*graph.Graph{one, many} {
		p, err := b.compile(ctx, &engine.Step{Graph: g})
		if err != nil {
			return err
		}
		defer p.Close()
		programs[g] = p
	}
	return pass.SameByBatch(one, many, func(g *graph.Graph, in tensors) (tensors, error) {
		return programs[g].Run(ctx, in)
	})
}

// filled is data that fills a batch: where there are fewer samples than one takes, each is there several times.
func filled(data dataset.Dataset, batch int) dataset.Dataset {
	n := data.Len()
	if n == 0 || n >= batch {
		return data
	}
	return dataset.Repeat(data, (batch+n-1)/n)
}

// eachOf gives n batches of training data from a random stream of their own, or one where n is less.
func eachOf(
	ctx context.Context, n int, data dataset.Dataset, o dataset.LoaderOptions, f func(*dataset.Batch) error,
) error {
	o.Train = true
	o.Seed ^= 0x9e3779b97f4a7c15
	loader, err := dataset.NewLoader(filled(data, o.Batch), o)
	if err != nil {
		return err
	}
	for b, err := range loader.Batches(ctx, 0) {
		if err == nil {
			err = f(b)
		}
		if err != nil || b.Step+1 >= n {
			return err
		}
	}
	return nil
}

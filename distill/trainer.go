package distill

import (
	"context"
	"maps"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
)

// Trainer takes the training steps of a job one at a time, for measuring them: the steps that [Job.Run] takes, without
// what it does between them.
type Trainer struct {
	s    *session
	done int
}

// Trainer compiles the job's training step. Close frees it.
func (j Job) Trainer(ctx context.Context) (*Trainer, error) {
	o := j.Options.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	s, err := j.open(ctx, o)
	if err != nil {
		return nil, err
	}
	if err = s.calibrate(ctx); err != nil {
		return nil, err
	}
	if err := s.compileTraining(ctx); err != nil {
		return nil, err
	}
	return &Trainer{s: s}, nil
}

// Batches gives the first n batches of the training data, or as many as it fills: in its order, and not augmented.
func (t *Trainer) Batches(ctx context.Context, n int) ([]*dataset.Batch, error) {
	o := dataset.LoaderOptions{Batch: t.s.o.Batch, Bindings: t.s.job.Bindings}
	if t.s.labelled {
		o.OneHot = labelsInput
	}
	loader, err := dataset.NewLoader(t.s.job.Train, o)
	if err != nil {
		return nil, err
	}
	var all []*dataset.Batch
	for b, err := range loader.Batches(ctx, 0) {
		if err != nil {
			return nil, err
		}
		if len(all) == n || b.N < t.s.o.Batch && len(all) > 0 {
			break
		}
		all = append(all, b)
	}
	return all, nil
}

// Step takes a step, at the peak learning rate. It gives the loss of each term, before its weight, and "total".
func (t *Trainer) Step(ctx context.Context, batch map[string]*graph.Tensor) (map[string]float64, error) {
	t.done++
	return t.s.step(ctx, batch, t.s.o.LearnRate, t.s.o.Losses, t.done-1)
}

// Batch is the number of samples that a step takes.
func (t *Trainer) Batch() int { return t.s.o.Batch }

// Terms lists the terms of the objective.
func (t *Trainer) Terms() []Term { return t.s.terms }

// Variances are those of the teacher-side transforms, which their terms are divided by: "hint/<student value>" and so
// on.
func (t *Trainer) Variances() map[string]float64 { return maps.Clone(t.s.goal.variances) }

// Close frees the step. It may be called again.
func (t *Trainer) Close() error { return t.s.train.Close() }

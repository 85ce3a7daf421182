package distill

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// Divergence tells how far students are from a teacher before any training.
type Divergence struct {
	Teacher       *graph.Graph // as imported; it is not changed
	Engine        engine.Engine
	EngineOptions engine.Options
	Data          dataset.Dataset    // of training
	Bindings      []*dataset.Binding // as in [Job]
	Augment       dataset.Augment
	Batch         int // default 64
	Seed          uint64
	Task          Task           // default Auto
	Temperature   float64        // as in [Options]
	Symbols       map[string]int // sizes of symbolic extents other than the batch
	Logger        *slog.Logger   // may be nil
}

// Measure runs the teacher on training samples, as many as fill batches. What it gives runs a student on them: the mean
// of kd over outputs, summed, with the student's batch norm by the statistics of the batch.
func (d Divergence) Measure(samples int) func(ctx context.Context, student *graph.Graph) (float64, error) {
	var seen []map[string]*graph.Tensor // by batch: what both read, and the teacher's outputs
	batch := 0
	return func(ctx context.Context, student *graph.Graph) (float64, error) {
		b := backend{d.Engine, d.EngineOptions}
		bind := pass.Binding{Batch: cmp.Or(d.Batch, defaultBatch), Symbols: d.Symbols}
		models := []model{{"teacher", d.Teacher}, {"student", student}}
		var err error
		if bind.Batch, err = settleBatch(ctx, b, bind, orSilent(d.Logger), models...); err != nil {
			return 0, err
		}
		c, err := prepare(d.Teacher, student, bind, cmp.Or(d.Task, Auto), d.Data.Spec().Classes, ownInputs(d.Bindings))
		if err != nil {
			return 0, err
		}
		if batch != bind.Batch {
			if seen, err = d.teach(ctx, b, c, samples, bind.Batch); err != nil {
				return 0, err
			}
			batch = bind.Batch
		}
		step, err := c.divergenceStep(d.Temperature)
		if err != nil {
			return 0, err
		}
		p, err := b.compile(ctx, step)
		if err != nil {
			return 0, err
		}
		defer p.Close()
		sum := 0.0
		for _, in := range seen {
			out, err := p.run(ctx, in)
			if err != nil {
				return 0, err
			}
			for _, o := range c.outputs {
				sum += out[o.name].Values()[0]
			}
		}
		return sum / float64(max(1, len(seen))), nil
	}
}

// teach runs the teacher on batches, and keeps what it was fed and gives.
func (d Divergence) teach(
	ctx context.Context, b backend, c *copies, samples, batch int,
) (seen []map[string]*graph.Tensor, err error) {
	step, err := c.evaluationStep(false)
	if err != nil {
		return nil, err
	}
	p, err := b.compile(ctx, step)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	load := dataset.LoaderOptions{Batch: batch, Bindings: d.Bindings, Augment: d.Augment, Seed: d.Seed}
	err = eachOf(ctx, max(1, samples/batch), d.Data, load, func(b *dataset.Batch) error {
		out, err := p.run(ctx, b.Inputs)
		for name, t := range out {
			b.Inputs[taughtInput+name] = t
		}
		seen = append(seen, b.Inputs)
		return err
	})
	return seen, err
}

// taughtInput leads the names of the teacher's outputs in what a student is fed beside them.
const taughtInput = "ildc.teacher/"

// divergenceStep assembles kd of each output, by its name, between the teacher's, which are fed, and those of the
// student in training form.
func (c *copies) divergenceStep(temperature float64) (_ *engine.Step, err error) {
	a := newAssembly("divergence")
	defer a.Guard(&err)
	student, err := a.inline("student", c.training, c.studentFeeds, nil)
	if err != nil {
		return nil, err
	}
	for _, of := range c.outputs {
		s := student[of.student]
		t := a.feed(taughtInput+of.name, s.DType, s.Shape.Clone())
		out := loss.Output{Name: of.name, Teacher: t, Student: s, Classify: of.classify,
			Temperature: loss.Temperature(temperature, t), Variance: 1}
		a.give(of.name, loss.KD().Emit(a.Emitter, out))
	}
	return a.finish()
}

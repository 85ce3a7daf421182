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

// Divergence is how far a student is from a teacher before any training.
type Divergence struct {
	Teacher, Student *graph.Graph // as imported; neither is changed
	Engine           engine.Engine
	EngineOptions    engine.Options
	Data             dataset.Dataset    // of training
	Bindings         []*dataset.Binding // as in [Job]
	Augment          dataset.Augment
	Batch            int // default 64
	Seed             uint64
	Task             Task           // default Auto
	Temperature      float64        // as in [Options]
	Symbols          map[string]int // sizes of symbolic extents other than the batch
	Logger           *slog.Logger   // may be nil
}

// Run gives the mean of kd over outputs, summed, on training samples, as many as fill batches, with the student's batch
// norm by the statistics of the batch.
func (d Divergence) Run(ctx context.Context, samples int) (float64, error) {
	b := backend{d.Engine, d.EngineOptions}
	bind := pass.Binding{Batch: cmp.Or(d.Batch, defaultBatch), Symbols: d.Symbols}
	models := []model{{"teacher", d.Teacher}, {"student", d.Student}}
	var err error
	if bind.Batch, err = settleBatch(ctx, b, bind, orSilent(d.Logger), models...); err != nil {
		return 0, err
	}
	classes := d.Data.Spec().Classes
	c, err := prepare(d.Teacher, d.Student, bind, cmp.Or(d.Task, Auto), classes, ownInputs(d.Bindings))
	if err != nil {
		return 0, err
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
	sum, batches := 0.0, 0
	load := dataset.LoaderOptions{Batch: bind.Batch, Bindings: d.Bindings, Augment: d.Augment, Seed: d.Seed}
	err = eachOf(ctx, samples/bind.Batch, d.Data, load, func(b *dataset.Batch) error {
		out, err := p.run(ctx, b.Inputs)
		if err != nil {
			return err
		}
		for _, o := range c.outputs {
			sum += out[o.name].Values()[0]
		}
		batches++
		return nil
	})
	return sum / float64(max(1, batches)), err
}

// divergenceStep assembles kd of each output, by its name, between the teacher and the student in training form.
func (c *copies) divergenceStep(temperature float64) (_ *engine.Step, err error) {
	a := newAssembly("divergence")
	defer a.Guard(&err)
	teacher, err := c.inlineTeacher(a)
	if err != nil {
		return nil, err
	}
	student, err := a.inline("student", c.training, c.studentFeeds, nil)
	if err != nil {
		return nil, err
	}
	for _, of := range c.outputs {
		t := teacher[of.teacher]
		out := loss.Output{Name: of.name, Teacher: t, Student: student[of.student], Classify: of.classify,
			Temperature: loss.Temperature(temperature, t), Variance: 1}
		a.give(of.name, loss.KD().Emit(a.Emitter, out))
	}
	return a.finish()
}

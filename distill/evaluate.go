package distill

import (
	"cmp"
	"context"
	"fmt"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// Evaluation measures a model on data, and against a teacher where there is one.
type Evaluation struct {
	Model, Teacher *graph.Graph // Teacher may be nil
	Engine         engine.Engine
	EngineOptions  engine.Options
	Data           dataset.Dataset
	Bindings       []*dataset.Binding // as in [Job]; those of Model are the student's, where it has its own
	Batch          int                // default 64
	Task           Task               // default Auto
	Symbols        map[string]int
}

// Run measures.
func (e Evaluation) Run(ctx context.Context) (Metrics, error) {
	models := []model{{"model", e.Model}}
	teacher := e.Model
	if e.Teacher != nil {
		teacher = e.Teacher
		models = []model{{"teacher", e.Teacher}, {"model", e.Model}}
	}
	b := backend{e.Engine, e.EngineOptions}
	bind := pass.Binding{Batch: cmp.Or(e.Batch, defaultBatch), Symbols: e.Symbols}
	var err error
	if bind.Batch, err = settleBatch(ctx, b, bind, orSilent(nil), models...); err != nil {
		return Metrics{}, err
	}
	c, err := prepare(teacher, e.Model, bind, cmp.Or(e.Task, Auto), e.Data.Spec().Classes, ownInputs(e.Bindings))
	if err != nil {
		return Metrics{}, err
	}
	load := dataset.LoaderOptions{Batch: bind.Batch, Bindings: e.Bindings}
	run := func(student bool, teacher []tensors) (Metrics, []tensors, error) {
		step, err := c.evaluationStep(student)
		if err != nil {
			return Metrics{}, nil, err
		}
		p, err := b.compile(ctx, step)
		if err != nil {
			return Metrics{}, nil, err
		}
		defer p.Close()
		m, out, err := measure(ctx, p, c.outputs, e.Data, load, teacher)
		if err != nil {
			return Metrics{}, nil, fmt.Errorf("distill: %w", err)
		}
		return m, out, nil
	}
	var outputs []tensors
	if e.Teacher != nil {
		if _, outputs, err = run(false, nil); err != nil {
			return Metrics{}, err
		}
	}
	m, _, err := run(true, outputs)
	return m, err
}

package distill

import (
	"context"
	"fmt"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// Evaluation measures a model on data, and against a teacher where there is one.
type Evaluation struct {
	Model, Teacher *graph.Graph // Teacher may be nil
	Engine         engine.Engine
	EngineOptions  engine.Options
	Data           dataset.Dataset
	Bindings       []*dataset.Binding // as in [Job]: the inputs of Model are those of the student, where they have their own
	Batch          int                // default 64
	Task           Task               // default Auto
	Symbols        map[string]int
}

// Run measures.
func (e Evaluation) Run(ctx context.Context) (Metrics, error) {
	teacher := e.Teacher
	if teacher == nil {
		teacher = e.Model
	}
	j := &Job{Teacher: teacher, Student: e.Model, Engine: e.Engine, EngineOptions: e.EngineOptions, Bindings: e.Bindings, Symbols: e.Symbols}
	o := Options{Batch: e.Batch, Task: e.Task}.withDefaults()
	if err := j.batchable(ctx, &o); err != nil {
		return Metrics{}, err
	}
	c, err := prepare(teacher, e.Model, j.binding(o.Batch), o.Task, e.Data.Spec().Classes, j.ownInputs())
	if err != nil {
		return Metrics{}, err
	}
	var outputs []map[string]*graph.Tensor
	for _, student := range []bool{false, true} {
		if !student && e.Teacher == nil {
			continue
		}
		step, err := c.evaluationStep(student)
		if err != nil {
			return Metrics{}, err
		}
		p, err := j.compile(ctx, step)
		if err != nil {
			return Metrics{}, err
		}
		defer p.Close()
		m, out, err := measure(ctx, c, p, outputs, e.Data, e.Bindings, o.Batch)
		if err != nil {
			return Metrics{}, fmt.Errorf("distill: %w", err)
		}
		if outputs = out; student {
			return m, nil
		}
	}
	panic("distill: the student is always measured")
}

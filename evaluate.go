package ildc

import (
	"context"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// EvalOptions say what to measure. Model and Data are needed.
type EvalOptions struct {
	Model, Teacher Model // Teacher may be left out
	Data           Data  // its Student is the preprocessing of Model, where that differs from Teacher's
	Task           string
	Batch          int
	Engine         engine.Engine
	EngineOptions  engine.Options
}

// Measures are what [Evaluate] gives.
type Measures struct {
	Measured string          `json:"measured"` // "test", or "all" where the data has no test part of its own
	Engine   string          `json:"engine"`
	Metrics  distill.Metrics `json:"metrics"`
}

// Evaluate measures a model on data, and against a teacher.
func Evaluate(ctx context.Context, o EvalOptions) (*Measures, error) {
	m, err := o.Model.load()
	if err != nil {
		return nil, err
	}
	var teacher *graph.Graph
	reference := m.graph
	if o.Teacher.given() {
		t, err := o.Teacher.load()
		if err != nil {
			return nil, err
		}
		teacher, reference = t.graph, t.graph
	}
	p, err := o.Data.open(ctx, reference, m.graph, 0)
	if err != nil {
		return nil, err
	}
	r := &Measures{}
	data, name := p.measured()
	r.Measured = name
	run := engineOf(o.Engine)
	r.Engine = run.Version()
	e := distill.Evaluation{Model: m.graph, Teacher: teacher, Engine: run, EngineOptions: o.EngineOptions,
		Data: data, Bindings: p.bindings, Batch: o.Batch, Task: distill.Task(o.Task), Symbols: p.symbols}
	r.Metrics, err = e.Run(ctx)
	return r, err
}

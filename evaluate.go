package ildc

import (
	"context"
	"fmt"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
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

// Evaluate measures a model on data, and against a teacher. Of a model with nodes that cannot be run it compares with the teacher what is in front of them; without a teacher
// it is declined.
func Evaluate(ctx context.Context, o EvalOptions) (*Measures, error) {
	m, err := o.Model.load()
	if err != nil {
		return nil, err
	}
	t := m
	if o.Teacher.given() {
		if t, err = o.Teacher.load(); err != nil {
			return nil, err
		}
	}
	p, err := o.Data.open(ctx, t.graph, m.graph, 0)
	if err != nil {
		return nil, err
	}
	for _, l := range []*loaded{m, t} {
		if _, err := l.analyse(pass.Binding{Batch: 1, Symbols: p.symbols}); err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
	}
	var teacher *graph.Graph
	switch {
	case t != m:
		teacher = t.graph
	case m.frozen != nil: // what is in front of its outputs can be compared with a teacher's, and means nothing by itself
		return nil, &declinedError{m.name, m.frozen}
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

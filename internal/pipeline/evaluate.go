package pipeline

import (
	"context"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/golden"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/report"
)

// Examination says which model to measure on which data, and against which teacher.
type Examination struct {
	Model, Teacher Source // Teacher may be left out
	Data           Samples
	Task           distill.Task
	Batch          int
	Engine         engine.Engine
	Options        engine.Options
}

// Evaluate measures a model on data, and against a teacher. Of a model with nodes that cannot be run it compares with
// the teacher what is in front of them; without a teacher it is declined.
func Evaluate(ctx context.Context, x Examination) (*report.Measures, error) {
	m, err := Load(x.Model)
	if err != nil {
		return nil, err
	}
	t := m
	if x.Teacher.Given() {
		if t, err = Load(x.Teacher); err != nil {
			return nil, err
		}
	}
	d, err := OpenOrMakeUp(ctx, x.Data, Inputs{Teacher: t.Graph, Student: m.Graph}, 0)
	if err != nil {
		return nil, err
	}
	bind := pass.Binding{Batch: 1, Symbols: d.Symbols}
	if m, err = m.Analyse(bind); err != nil {
		return nil, err
	}
	part, name := d.measured()
	e := distill.Evaluation{Model: m.Graph, Engine: x.Engine, EngineOptions: x.Options, Data: part, Bindings: d.Bindings,
		Batch: x.Batch, Task: x.Task, Symbols: d.Symbols}
	if x.Teacher.Given() {
		if t, err = t.Analyse(bind); err != nil {
			return nil, err
		}
		e.Teacher = t.Graph
	} else if m.Frozen != nil { // what is in front of its outputs means nothing but beside a teacher's
		return nil, &declinedError{m.Name, m.Frozen}
	}
	metrics, err := e.Run(ctx)
	return &report.Measures{Measured: name, Engine: x.Engine.Version(), Metrics: metrics}, err
}

// Recording says what golden cases to record of a model.
type Recording struct {
	Model        string // file
	Folder       string // of the cases
	Data         Samples
	Seed         uint64 // of synthetic inputs
	Cases, Batch int    // how many cases, and the samples in each
	Engine       engine.Engine
	Golden       golden.Options
}

// Record runs a model on samples of the data and records inputs and outputs, see package golden.
func Record(ctx context.Context, r Recording) error {
	m, err := Load(Source{Path: r.Model})
	if err != nil {
		return err
	}
	d, err := OpenOrMakeUp(ctx, r.Data, Inputs{Teacher: m.Whole}, r.Seed)
	if err != nil {
		return err
	}
	part, _ := d.measured()
	inputs, err := golden.Inputs(ctx, part, d.Bindings[0], r.Cases, r.Batch)
	if err != nil {
		return err
	}
	return golden.Record(ctx, r.Model, r.Folder, inputs, r.Engine, r.Golden)
}

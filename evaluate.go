package ildc

import (
	"cmp"
	"context"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/golden"
	"github.com/ildc/ildc/internal/pipeline"
	"github.com/ildc/ildc/internal/report"
)

// EvalOptions say what to measure. Model and Data are needed.
type EvalOptions struct {
	Model, Teacher Model         // Teacher may be left out
	Data           Data          // its Student is the preprocessing of Model, where that differs from Teacher's
	Task           string        // "auto", "classify" or "regress"; default auto
	Batch          int           // samples that are run together; default 64
	Engine         engine.Engine // default: the embedded engine
	EngineOptions  engine.Options
}

// Measures are what [Evaluate] gives: metrics, the part of the data that they are of, and the engine.
type Measures = report.Measures

// Evaluate measures a model on data, and against a teacher. Of a model with nodes that cannot be run it compares with
// the teacher what is in front of them; without a teacher it is declined.
func Evaluate(ctx context.Context, o EvalOptions) (*Measures, error) {
	x := pipeline.Examination{Data: pipeline.Samples{Source: o.Data}, Task: distill.Task(o.Task), Batch: o.Batch,
		Engine: orEmbedded(o.Engine), Options: o.EngineOptions}
	var err error
	if x.Model, err = o.Model.source(); err != nil {
		return nil, err
	}
	if o.Teacher.given() {
		if x.Teacher, err = o.Teacher.source(); err != nil {
			return nil, err
		}
	}
	return pipeline.Evaluate(ctx, x)
}

// GoldenOptions say what to record. Model and Dir are needed.
type GoldenOptions struct {
	Model  string        // file
	Dir    string        // folder of the cases
	Data   Data          // where inputs come from; synthetic ones without
	Seed   uint64        // of synthetic inputs
	Cases  int           // default 3
	Batch  int           // samples in a case; default 1
	Engine engine.Engine // default: the embedded engine
	Golden golden.Options
}

const defaultCases = 3

// RecordGolden runs a model on samples of the data and records inputs and outputs, see package golden.
func RecordGolden(ctx context.Context, o GoldenOptions) error {
	return pipeline.Record(ctx, pipeline.Recording{Model: o.Model, Folder: o.Dir, Data: pipeline.Samples{Source: o.Data},
		Seed: o.Seed, Cases: cmp.Or(o.Cases, defaultCases), Batch: cmp.Or(o.Batch, 1), Engine: orEmbedded(o.Engine),
		Golden: o.Golden})
}

// Inspection is what there is to know of a model: inputs, outputs, cost, and of each node what can be done with it.
// Text writes it.
type Inspection = report.Inspection

// Inspect describes a model. symbols are sizes of symbolic extents other than the batch, which counts as 1.
func Inspect(m Model, symbols map[string]int) (*Inspection, error) {
	s, err := m.source()
	if err != nil {
		return nil, err
	}
	return pipeline.Inspect(s, symbols)
}

// Verdict is what can be done with a model: "plannable", "accepted" (it imports, and is declined for compression) or
// "declined"; and why.
type Verdict = report.Verdict

// Survey tells of each file what can be done with it at a budget; "" is the default one. It goes on after a model that
// is declined.
func Survey(ctx context.Context, paths []string, budget string) ([]Verdict, error) {
	var all []Verdict
	for _, path := range paths {
		j, err := Options{Teacher: File(path), Budget: budget}.job()
		if err != nil {
			return nil, err
		}
		all = append(all, pipeline.Judge(ctx, j))
	}
	return all, nil
}

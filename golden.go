package ildc

import (
	"context"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/golden"
)

// GoldenOptions say what to record. Model and Dir are needed.
type GoldenOptions struct {
	Model  string // file
	Dir    string // folder of the cases
	Data   Data   // where inputs come from; synthetic ones without
	Seed   uint64 // of synthetic inputs
	Cases  int    // default 3
	Batch  int    // samples in a case; default 1
	Engine engine.Engine
	Golden golden.Options
}

// RecordGolden runs a model on samples of the data and records inputs and outputs, see package golden.
func RecordGolden(ctx context.Context, o GoldenOptions) error {
	m, err := File(o.Model).load()
	if err != nil {
		return err
	}
	if o.Cases == 0 {
		o.Cases = 3
	}
	if o.Batch == 0 {
		o.Batch = 1
	}
	p, err := o.Data.open(ctx, m.whole, nil, o.Seed)
	if err != nil {
		return err
	}
	data, _ := p.measured()
	inputs, err := golden.Inputs(ctx, data, p.bindings[0], o.Cases, o.Batch)
	if err != nil {
		return err
	}
	return golden.Record(ctx, o.Model, o.Dir, inputs, engineOf(o.Engine), o.Golden)
}

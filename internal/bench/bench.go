package bench

import (
	"cmp"
	"context"
	"fmt"
	"runtime"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/pipeline"
	"github.com/ildc/ildc/internal/report"
)

// Model is whose inference to measure, and on what.
type Model struct {
	Source pipeline.Source
	Data   pipeline.Samples
	Seed   uint64
	Batch  int // samples in a run
	Host   pipeline.Host
}

// batches is how many different ones runs take in turn.
const batches = 8

// Inference measures the inference of a model.
func Inference(ctx context.Context, m Model, t Timing) (*report.Benchmark, error) {
	loaded, err := pipeline.Load(m.Source)
	if err != nil {
		return nil, err
	}
	m.Data.Whole, m.Data.Synthetic = true, batches*m.Batch
	d, err := pipeline.OpenOrMakeUp(ctx, m.Data, pipeline.Inputs{Teacher: loaded.Whole}, m.Seed)
	if err != nil {
		return nil, err
	}
	bind := pass.Binding{Batch: m.Batch, Symbols: d.Symbols}
	program, err := engine.Infer(ctx, m.Host.Engine, loaded.Whole, bind, m.Host.Options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", loaded.Name, err)
	}
	defer program.Close()
	in, err := firstBatches(ctx, d, m.Batch)
	if err != nil {
		return nil, err
	}
	b := describe(m.Source, m.Host)
	b.Batch = m.Batch
	return b, measure(b, t, func(i int) error {
		_, err := program.Run(ctx, in[i%len(in)])
		return err
	})
}

// firstBatches gives the inputs of some batches.
func firstBatches(ctx context.Context, d *pipeline.Data, batch int) (in []map[string]*graph.Tensor, err error) {
	loader, err := dataset.NewLoader(d.Train, dataset.LoaderOptions{Batch: batch, Bindings: d.Bindings})
	if err != nil {
		return nil, err
	}
	for b, err := range loader.Batches(ctx, 0) {
		if err != nil {
			return nil, err
		}
		if in = append(in, b.Inputs); len(in) == batches {
			break
		}
	}
	return in, nil
}

// Training measures the training step that a job takes: teacher, student, losses, gradients and update. Data is fed in
// its order, and not augmented; without any, it is made up.
func Training(ctx context.Context, j pipeline.Job, t Timing) (*report.Benchmark, error) {
	j.Data.Whole, j.Data.Synthetic = true, max(pipeline.DefaultSynthetic, batches*j.Train.Batch)
	j.Choice.Untried = true
	decided, err := pipeline.Decide(ctx, j, true)
	if err != nil {
		return nil, err
	}
	job, _, err := pipeline.PrepareTraining(ctx, j, decided)
	if err != nil {
		return nil, err
	}
	trainer, err := job.Trainer(ctx)
	if err != nil {
		return nil, err
	}
	defer trainer.Close()
	in, err := trainer.Batches(ctx, batches)
	if err != nil {
		return nil, err
	}
	b := describe(j.Teacher, j.Host)
	b.Training, b.Batch = true, trainer.Batch()
	r := decided.Result()
	b.Sides, b.Pairs = &report.BenchSides{Teacher: r.Teacher, Student: r.Student}, r.Pairs
	b.Student, b.Losses, b.Variances = job.Student, trainer.Terms(), trainer.Variances()
	return b, measure(b, t, func(i int) (err error) {
		b.Last, err = trainer.Step(ctx, in[i%len(in)].Inputs)
		if i == 0 {
			b.First = b.Last
		}
		return err
	})
}

// describe says what is measured, and on what.
func describe(s pipeline.Source, h pipeline.Host) *report.Benchmark {
	return &report.Benchmark{Model: s.Path, Engine: h.Engine.Name(), Version: h.Engine.Version(),
		Threads: cmp.Or(h.Options.Threads, runtime.GOMAXPROCS(0)), Device: cmp.Or(h.Options.Device, "cpu")}
}

package ildc

import (
	"context"
	"time"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/internal/bench"
	"github.com/ildc/ildc/internal/pipeline"
	"github.com/ildc/ildc/internal/report"
)

// BenchOptions say what to run, and for how long. Model is needed.
type BenchOptions struct {
	Model  Model
	Data   Data // synthetic inputs without
	Seed   uint64
	Batch  int // samples in a run; default 1
	Timing Timing

	Engine        engine.Engine // default: the embedded engine
	EngineOptions engine.Options
}

// Timing says how long to measure.
type Timing struct {
	Warmup int           // runs before the measured ones; default 3
	Steps  int           // measured runs; 0: Time says
	Time   time.Duration // of the measured runs, of which there are at least 5; default 3 s
}

// Benchmark is what was measured: times of a run in milliseconds, samples per second, and memory in bytes. Its memory
// is that of the whole process, so that it tells of one model only where the process has run nothing else.
type Benchmark = report.Benchmark

// Bench measures the inference of a model.
func Bench(ctx context.Context, o BenchOptions) (*Benchmark, error) {
	source, err := o.Model.source()
	if err != nil {
		return nil, err
	}
	m := bench.Model{Source: source, Data: pipeline.Samples{Source: o.Data}, Seed: o.Seed, Batch: max(1, o.Batch),
		Host: pipeline.Host{Engine: orEmbedded(o.Engine), Options: o.EngineOptions}}
	return bench.Inference(ctx, m, bench.Timing(o.Timing))
}

// BenchTraining measures the training step that [Compress] takes with these options: teacher, student, losses,
// gradients and update. Data is fed in its order, and not augmented; without any, it is made up.
func BenchTraining(ctx context.Context, o Options, t Timing) (*Benchmark, error) {
	j, err := o.job()
	if err != nil {
		return nil, err
	}
	return bench.Training(ctx, j, bench.Timing(t))
}

package ildc

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
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

// Benchmark is what was measured. Its memory is that of the whole process, so that it tells of one model only where the process has run
// nothing else.
type Benchmark struct {
	Model    string `json:"model"`    // path
	Training bool   `json:"training"` // a run is a training step, not inference
	Engine   string `json:"engine"`   // name
	Version  string `json:"version"`
	Threads  int    `json:"threads"`
	Device   string `json:"device"`
	Batch    int    `json:"batch"`
	Steps    int    `json:"steps"` // measured runs

	P50             float64     `json:"p50_ms"` // of a run
	P90             float64     `json:"p90_ms"`
	ImagesPerSecond float64     `json:"images_per_second"` // over all measured runs
	Memory          MemoryUsage `json:"memory"`

	// Of training only.
	Sides     *BenchSides        `json:"sides,omitempty"`
	Pairs     []Pair             `json:"pairs,omitempty"`
	Losses    []distill.Term     `json:"losses,omitempty"`
	Variances map[string]float64 `json:"variances,omitempty"`  // what terms are divided by, see [distill.Trainer.Variances]
	First     map[string]float64 `json:"first_loss,omitempty"` // of each term in the very first step, before its weight, and "total"
	Last      map[string]float64 `json:"last_loss,omitempty"`  // of the last measured step
	Student   *graph.Graph       `json:"-"`                    // in the form that it is trained in, before the first step
}

// BenchSides are the two models of a training step.
type BenchSides struct {
	Teacher Side `json:"teacher"`
	Student Side `json:"student"`
}

// MemoryUsage is what of the process was in memory, in bytes; 0 where the system does not say.
type MemoryUsage struct {
	Loaded  int64   `json:"loaded"`           // before the first run
	Loading int64   `json:"loading"`          // the most until then
	Peak    int64   `json:"peak"`             // the most from then on
	End     int64   `json:"end"`              // after the last run
	Tenths  []int64 `json:"tenths,omitempty"` // after each tenth of the measured runs, where their number was given, 10 or more
}

const (
	defaultWarmup = 3
	defaultTime   = 3 * time.Second
	leastRuns     = 5
	benchBatches  = 8 // different batches, which runs take in turn
)

// Bench measures the inference of a model.
func Bench(ctx context.Context, o BenchOptions) (*Benchmark, error) {
	m, err := o.Model.load()
	if err != nil {
		return nil, err
	}
	o.Batch = max(1, o.Batch)
	o.Data.whole, o.Data.Synthetic = true, benchBatches*o.Batch
	data, err := o.Data.open(ctx, m.whole, nil, o.Seed)
	if err != nil {
		return nil, err
	}
	e := engineOf(o.Engine)
	program, err := infer(ctx, m.whole, pass.Binding{Batch: o.Batch, Symbols: data.symbols}, e, o.EngineOptions)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	defer program.Close()
	loader, err := dataset.NewLoader(data.train, dataset.LoaderOptions{Batch: o.Batch, Bindings: data.bindings})
	if err != nil {
		return nil, err
	}
	var batches []map[string]*graph.Tensor
	for b, err := range loader.Batches(ctx, 0) {
		if err != nil {
			return nil, err
		}
		if batches = append(batches, b.Inputs); len(batches) == benchBatches {
			break
		}
	}
	b := newBenchmark(o.Model, e, o.EngineOptions)
	b.Batch = o.Batch
	return b, b.measure(o.Timing, func(i int) error {
		_, err := program.Run(ctx, batches[i%len(batches)])
		return err
	})
}

// infer compiles the inference of a model.
func infer(ctx context.Context, g *graph.Graph, bind pass.Binding, e engine.Engine, o engine.Options) (engine.Program, error) {
	g, err := pass.Normalise(g)
	if err == nil {
		g, err = pass.Specialise(g, bind)
	}
	if err == nil {
		g, err = pass.Lower(g, e.Native())
	}
	if err != nil {
		return nil, err
	}
	return e.Compile(ctx, &engine.Step{Graph: g}, o)
}

// BenchTraining measures the training step that [Compress] takes with these options: teacher, student, losses, gradients and update. Data
// is fed in its order, and not augmented; without any, it is made up.
func BenchTraining(ctx context.Context, o Options, t Timing) (*Benchmark, error) {
	o.Data.whole, o.Data.Synthetic = true, max(defaultSynthetic, benchBatches*o.Train.Batch)
	p, err := newPlan(ctx, o, true)
	if err != nil {
		return nil, err
	}
	job, _, err := p.trainingJob(ctx)
	if err != nil {
		return nil, err
	}
	trainer, err := job.Trainer(ctx)
	if err != nil {
		return nil, err
	}
	defer trainer.Close()
	batches, err := trainer.Batches(ctx, benchBatches)
	if err != nil {
		return nil, err
	}
	b := newBenchmark(o.Teacher, job.Engine, o.EngineOptions)
	b.Training, b.Batch = true, trainer.Batch()
	b.Sides = &BenchSides{p.result.Teacher, p.result.Student}
	b.Student, b.Losses, b.Variances, b.Pairs = job.Student, trainer.Terms(), trainer.Variances(), p.result.Pairs
	return b, b.measure(t, func(i int) (err error) {
		b.Last, err = trainer.Step(ctx, batches[i%len(batches)].Inputs)
		if i == 0 {
			b.First = b.Last
		}
		return err
	})
}

func newBenchmark(m Model, e engine.Engine, o engine.Options) *Benchmark {
	b := &Benchmark{Model: m.Path, Engine: e.Name(), Version: e.Version(), Threads: o.Threads, Device: o.Device}
	if b.Threads == 0 {
		b.Threads = runtime.GOMAXPROCS(0)
	}
	if b.Device == "" {
		b.Device = "cpu"
	}
	return b
}

// measure times run(0), run(1) and so on, the first ones for warm-up.
func (b *Benchmark) measure(t Timing, run func(i int) error) error {
	if t.Warmup < 0 || t.Steps < 0 || t.Time < 0 {
		return errors.New("ildc: a benchmark of negative length")
	}
	if t.Warmup == 0 {
		t.Warmup = defaultWarmup
	}
	if t.Time == 0 {
		t.Time = defaultTime
	}
	debug.FreeOSMemory() // what loading has left behind is not what runs need
	b.Memory.Loaded, b.Memory.Loading = residentMemory(machine)
	reset := resetPeak()
	for i := range t.Warmup {
		if err := run(i); err != nil {
			return err
		}
	}
	var total time.Duration
	var each []time.Duration
	for more := true; more; {
		start := time.Now()
		if err := run(t.Warmup + len(each)); err != nil {
			return err
		}
		each = append(each, time.Since(start))
		total += each[len(each)-1]
		if more = len(each) < t.Steps; t.Steps == 0 {
			more = len(each) < leastRuns || total < t.Time
		} else if t.Steps >= 10 && len(each)*10/t.Steps > (len(each)-1)*10/t.Steps {
			now, _ := residentMemory(machine)
			b.Memory.Tenths = append(b.Memory.Tenths, now)
		}
	}
	b.Memory.End, b.Memory.Peak = residentMemory(machine)
	if !reset { // it may have been reached before the first run
		b.Memory.Loading = b.Memory.Peak
	}
	slices.Sort(each)
	b.Steps = len(each)
	b.P50, b.P90 = milliseconds(each, 50), milliseconds(each, 90)
	b.ImagesPerSecond = float64(b.Steps*b.Batch) / total.Seconds()
	return nil
}

// milliseconds is a percentile of sorted durations, by the nearest rank.
func milliseconds(sorted []time.Duration, percent int) float64 {
	rank := (len(sorted)*percent + 99) / 100
	return float64(sorted[rank-1]) / float64(time.Millisecond)
}

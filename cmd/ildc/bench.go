package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/internal/report"
)

// benchSchema is the version of the JSON that bench prints.
const benchSchema = 1

// benchmarks is what bench prints with --json.
type benchmarks struct {
	Schema     int               `json:"schema"`
	Benchmarks []*ildc.Benchmark `json:"benchmarks"`
}

// benchCommand needs the arguments of the whole command line: where there is more than one measurement, each is taken
// by a process of its own, so that its memory is told apart.
func benchCommand(commandLine []string) *cobra.Command {
	var (
		b      bench
		only   string
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "bench MODEL.onnx…",
		Short: "Measure latency, throughput and memory of models, or of a training step",
		Example: `  ildc bench teacher.onnx student.onnx --batch 8
  ildc bench teacher.onnx --train --budget macs=0.5x --batch 128 --losses kd,hint --json`,
		Args: some("MODEL.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := b.check(args); err != nil {
				return err
			}
			all, err := b.measurements(c, args, only)
			if err != nil {
				return err
			}
			r := benchmarks{Schema: benchSchema}
			for _, m := range all {
				var one *ildc.Benchmark
				if len(all) == 1 {
					one, err = b.measure(c, m)
				} else {
					one, err = measureInProcess(c, commandLine, m)
				}
				if err != nil {
					return fmt.Errorf("%s on engine %s: %w", m.model, m.engine, err)
				}
				r.Benchmarks = append(r.Benchmarks, one)
			}
			if asJSON {
				return printJSON(c, r)
			}
			_, err = fmt.Fprint(c.OutOrStdout(), report.BenchmarkTable(r.Benchmarks))
			return err
		},
	}
	f := c.Flags()
	f.BoolVar(&b.training, "train", false, "measure the training step of compress, with the model as the teacher")
	f.IntVar(&b.batch, "batch", 0, "samples per run (default 1; 64 with --train)")
	f.IntVar(&b.timing.Steps, "steps", 0, "runs to measure")
	f.DurationVar(&b.timing.Time, "time", 0, "time to measure for, where there is no --steps (default 3s)")
	f.IntVar(&b.timing.Warmup, "warmup", 0, "runs before the measured ones (default 3)")
	f.StringVarP(&b.output, "output", "o", "",
		"with --train: file to write the student to, in the form that it is trained in; one that exists is replaced")
	f.Uint64Var(&b.seed, "seed", 0, "of everything random")
	b.memory.register(f)
	f.BoolVar(&b.force, "force", false, "with --train: try a step that needs more memory than there is")
	b.engine.register(f)
	b.data.register(f)
	b.student.register(f)
	b.train.registerStep(f)
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&only, "only", "", "")
	_ = f.MarkHidden("only") // it is registered
	return c
}

// bench is what a command line asks to measure.
type bench struct {
	engine   engineFlags
	data     dataFlags
	student  studentFlags
	train    trainFlags
	timing   ildc.Timing
	training bool
	batch    int
	output   string
	seed     uint64
	memory   memoryFlag
	force    bool
}

func (b *bench) check(models []string) error {
	var errs []error
	for _, m := range models {
		if m == "-" {
			errs = append(errs, errors.New("stdin can be read once only: name a file"))
		}
	}
	if b.batch < 0 || b.timing.Steps < 0 || b.timing.Time < 0 || b.timing.Warmup < 0 {
		errs = append(errs, errors.New("--batch, --steps, --time and --warmup cannot be negative"))
	}
	if b.output != "" && (!b.training || len(models) > 1) {
		errs = append(errs, errors.New("-o is for the student of one teacher that is benchmarked with --train"))
	}
	if err := errors.Join(errs...); err != nil {
		return usageError{err}
	}
	return nil
}

// measurement is one model on one engine.
type measurement struct{ engine, model string }

func (m measurement) String() string { return m.engine + ":" + m.model }

// measurements lists what is to be measured: each model on each engine, or the one measurement that is named.
func (b *bench) measurements(c *cobra.Command, models []string, only string) ([]measurement, error) {
	if engine, model, ok := strings.Cut(only, ":"); ok {
		return []measurement{{engine, model}}, nil
	}
	engines, err := b.engine.all(say(c))
	if err != nil {
		return nil, err
	}
	var all []measurement
	for _, m := range models {
		for _, e := range engines {
			all = append(all, measurement{e, m})
		}
	}
	return all, nil
}

// measureInProcess has a process of its own take a measurement.
func measureInProcess(c *cobra.Command, commandLine []string, m measurement) (*ildc.Benchmark, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := append([]string{commandLine[0], "--json", "--only", m.String()}, commandLine[1:]...)
	p := exec.CommandContext(c.Context(), self, args...)
	p.Cancel = func() error { return p.Process.Signal(os.Interrupt) }
	p.WaitDelay = 10 * time.Second // then it is killed, also where no interrupt can be sent
	p.Stderr = c.ErrOrStderr()
	out, err := p.Output()
	if cause := c.Context().Err(); cause != nil {
		return nil, cause
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReported, err) // by the process
	}
	var r benchmarks
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, err
	}
	if len(r.Benchmarks) != 1 {
		return nil, fmt.Errorf("%d measurements, want one", len(r.Benchmarks))
	}
	return r.Benchmarks[0], nil
}

// measure takes a measurement in this process.
func (b *bench) measure(c *cobra.Command, m measurement) (*ildc.Benchmark, error) {
	data, err := b.data.parse(b.seed, false)
	if err != nil {
		return nil, err
	}
	b.engine.choice.Name = m.engine
	engine, options, err := b.engine.open(say(c))
	if err != nil {
		return nil, err
	}
	if !b.training {
		return ildc.Bench(c.Context(), ildc.BenchOptions{Model: ildc.File(m.model), Data: data, Seed: b.seed,
			Batch: b.batch, Timing: b.timing, Engine: engine, EngineOptions: options})
	}
	o := ildc.Options{Teacher: ildc.File(m.model), Data: data, Engine: engine, EngineOptions: options, Force: b.force,
		Logger: logger(c.ErrOrStderr(), false)}
	if err := b.student.apply(&o); err != nil {
		return nil, err
	}
	if o.Train, err = b.train.parse(b.seed); err != nil {
		return nil, err
	}
	if o.Memory, err = b.memory.parse(); err != nil {
		return nil, err
	}
	o.Train.Batch = b.batch
	r, err := ildc.BenchTraining(c.Context(), o, b.timing)
	if err == nil && b.output != "" {
		err = exporter.File(b.output, r.Student, exporter.Options{})
	}
	return r, err
}

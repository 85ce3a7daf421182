package bench

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/pipeline"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/internal/shared"
	"github.com/ildc/ildc/models"
)

// small is the small teacher.
func small(t *testing.T) pipeline.Source {
	t.Helper()
	return pipeline.Source{Path: shared.Testdata(t, "digits/small.onnx")}
}

func host() pipeline.Host { return pipeline.Host{Engine: embedded.New()} }

// idle is an engine that runs nothing.
type idle struct{ engine.Engine }

var errIdle = errors.New("it runs nothing")

func (idle) Compile(context.Context, *engine.Step, engine.Options) (engine.Program, error) {
	return nil, errIdle
}

func TestInference(t *testing.T) {
	e := embedded.New()
	for _, c := range []struct {
		name    string
		options engine.Options
		threads int
		device  string
	}{
		{"as is", engine.Options{}, runtime.GOMAXPROCS(0), "cpu"},
		{"by one thread", engine.Options{Threads: 1, Device: "cpu"}, 1, "cpu"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Model{Source: small(t), Batch: 3, Host: pipeline.Host{Engine: e, Options: c.options}}
			b, err := Inference(context.Background(), m, Timing{Warmup: 1, Steps: 5})
			if err != nil {
				t.Fatal(err)
			}
			if b.Model != m.Source.Path || b.Training || b.Batch != 3 || b.Steps != 5 {
				t.Errorf("%+v", b)
			}
			if b.Engine != e.Name() || b.Version != e.Version() || b.Threads != c.threads || b.Device != c.device {
				t.Errorf("on engine %s %s, %d threads of %s", b.Engine, b.Version, b.Threads, b.Device)
			}
			checkTimes(t, b)
			if b.Sides != nil || b.Pairs != nil || b.Losses != nil || b.First != nil || b.Last != nil || b.Student != nil {
				t.Errorf("inference tells of a training: %+v", b)
			}
		})
	}
}

// checkTimes checks that times are there, and agree with one another.
func checkTimes(t *testing.T, b *report.Benchmark) {
	t.Helper()
	if b.P50 <= 0 || b.P90 < b.P50 || b.ImagesPerSecond <= 0 || math.IsInf(b.ImagesPerSecond, 0) {
		t.Errorf("median %g ms, 9 of 10 within %g ms, %g images/s", b.P50, b.P90, b.ImagesPerSecond)
	}
}

// Batches differ from one another, and are those of the seed.
func TestFirstBatches(t *testing.T) {
	loaded, err := pipeline.Load(small(t))
	if err != nil {
		t.Fatal(err)
	}
	first := func(samples int, seed uint64) [][]float32 {
		s := pipeline.Samples{Whole: true}
		s.Synthetic = samples
		d, err := pipeline.OpenOrMakeUp(context.Background(), s, pipeline.Inputs{Teacher: loaded.Whole}, seed)
		if err != nil {
			t.Fatal(err)
		}
		in, err := firstBatches(context.Background(), d, 3)
		if err != nil {
			t.Fatal(err)
		}
		var all [][]float32
		for _, batch := range in {
			for _, x := range batch {
				if x.Dims[0] != 3 {
					t.Errorf("a batch of %v, want 3 samples", x.Dims)
				}
				all = append(all, x.Data.([]float32))
			}
		}
		return all
	}
	many := first(100, 1)
	if len(many) != batches || many[0][0] == many[1][0] && many[0][1] == many[1][1] {
		t.Errorf("%d batches, want %d that differ", len(many), batches)
	}
	if again := first(100, 1); again[0][0] != many[0][0] {
		t.Error("the same seed gives another batch")
	}
	if few := first(2, 1); len(few) != 1 { // less than a batch is filled up
		t.Errorf("%d batches of two samples", len(few))
	}
}

// watched notes the first value that each run takes.
type watched struct {
	engine.Engine
	first *[]float32
}

func (w watched) Compile(ctx context.Context, s *engine.Step, o engine.Options) (engine.Program, error) {
	p, err := w.Engine.Compile(ctx, s, o)
	return watchedProgram{p, w.first}, err
}

type watchedProgram struct {
	engine.Program
	first *[]float32
}

func (w watchedProgram) Run(ctx context.Context, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	for _, x := range in {
		*w.first = append(*w.first, x.Data.([]float32)[0])
	}
	return w.Program.Run(ctx, in)
}

// Runs take the batches in turn.
func TestInferenceTakesTurns(t *testing.T) {
	var first []float32
	m := Model{Source: small(t), Batch: 1, Host: pipeline.Host{Engine: watched{embedded.New(), &first}}}
	if _, err := Inference(context.Background(), m, Timing{Warmup: 1, Steps: 2*batches - 1}); err != nil {
		t.Fatal(err)
	}
	if len(first) != 2*batches || !slices.Equal(first[:batches], first[batches:]) {
		t.Fatalf("runs begin with %v, want %d twice", first, batches)
	}
	if distinct := slices.Compact(slices.Sorted(slices.Values(first))); len(distinct) < 2 {
		t.Errorf("all runs begin with %v", distinct)
	}
}

func TestInferenceErrors(t *testing.T) {
	m := Model{Source: small(t), Batch: 1, Host: host()}
	missing, broken, negative := m, m, m
	missing.Source.Path = "missing.onnx"
	broken.Data.Path = "missing"
	negative.Batch = 0
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		m    Model
		t    Timing
		is   error // nil: any
		says string
	}{
		{"a model that is not there", context.Background(), missing, Timing{}, fs.ErrNotExist, "missing.onnx"},
		{"data that are not there", context.Background(), broken, Timing{}, fs.ErrNotExist, "missing"},
		{"no batch", context.Background(), negative, Timing{}, nil, "batch"},
		{"a negative length", context.Background(), m, Timing{Steps: -1}, nil, "negative"},
		{"a call that is cancelled", stopped, m, Timing{Steps: 1}, context.Canceled, ""},
		{"an engine that runs nothing", context.Background(), Model{Source: small(t), Batch: 1,
			Host: pipeline.Host{Engine: idle{embedded.New()}}}, Timing{}, errIdle, "small.onnx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Inference(c.ctx, c.m, c.t)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// job trains half of the small teacher on a little of synthetic data.
func job(t *testing.T) pipeline.Job {
	t.Helper()
	budget, err := models.ParseBudget("macs=0.5x")
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Job{
		Teacher: small(t), Choice: pipeline.Choice{Asked: "macs=0.5x", Budget: budget},
		Train: distill.Options{Batch: 4, Steps: 2}, Host: host(), Force: true,
	}
}

func TestTraining(t *testing.T) {
	j := job(t)
	b, err := Training(context.Background(), j, Timing{Warmup: 1, Steps: 2})
	if err != nil {
		t.Fatal(err)
	}
	if b.Model != j.Teacher.Path || !b.Training || b.Batch != 4 || b.Steps != 2 || b.Engine != "embedded" {
		t.Errorf("%+v", b)
	}
	checkTimes(t, b)
	teacher, student := b.Sides.Teacher, b.Sides.Student
	if student.MACs <= 0 || 2*student.MACs > teacher.MACs || student.Params >= teacher.Params {
		t.Errorf("%+v, want a student of half the teacher's MACs", *b.Sides)
	}
	if len(b.Pairs) == 0 {
		t.Error("there are no pairs")
	}
	for _, p := range b.Pairs {
		gives := func(n *graph.Node) bool {
			return slices.ContainsFunc(n.Outputs, func(v *graph.Value) bool { return v.Name == p.Student })
		}
		if !slices.ContainsFunc(b.Student.Nodes, gives) {
			t.Errorf("the student has no %q of the pair %+v", p.Student, p)
		}
	}
	for _, losses := range []map[string]float64{b.First, b.Last} {
		for _, term := range append([]string{"total"}, used(b.Losses)...) {
			if v, there := losses[term]; !there || !(v >= 0) || math.IsInf(v, 0) {
				t.Errorf("the loss of %s is %g in %v", term, v, losses)
			}
		}
	}
	if b.First["total"] == b.Last["total"] {
		t.Errorf("three steps on other samples have one loss: %v, then %v", b.First, b.Last)
	}
}

// used are the names of the terms that are not left out.
func used(terms []distill.Term) (names []string) {
	for _, l := range terms {
		if !l.Unused {
			names = append(names, l.Name)
		}
	}
	return names
}

func TestTrainingErrors(t *testing.T) {
	missing := func(j *pipeline.Job) { j.Teacher.Path = "missing.onnx" }
	stuck := func(j *pipeline.Job) { j.Host.Engine = idle{j.Host.Engine} }
	magic := func(j *pipeline.Job) { j.Train.Optimiser.Name = "magic" }
	for name, c := range map[string]struct {
		change func(*pipeline.Job)
		is     error // nil: any
		says   string
	}{
		"a teacher that is not there":    {missing, fs.ErrNotExist, "missing.onnx"},
		"an engine that runs nothing":    {stuck, errIdle, ""},
		"an optimiser that there is not": {magic, nil, "magic"},
	} {
		t.Run(name, func(t *testing.T) {
			j := job(t)
			c.change(&j)
			_, err := Training(context.Background(), j, Timing{Steps: 1})
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

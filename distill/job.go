package distill

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
)

// Job is one distillation: who teaches whom, on what, and how.
type Job struct {
	Teacher, Student *graph.Graph // as imported; neither is changed
	Pairs            []Pair       // aligned feature maps
	Engine           engine.Engine
	EngineOptions    engine.Options

	Train, Validation dataset.Dataset
	Bindings          []*dataset.Binding // from the data to the teacher's inputs, and the student's where it has its own
	Augment           dataset.Augment

	Options    Options
	Checkpoint string         // folder that checkpoints are written to; "" writes none
	Resume     bool           // go on from the folder's checkpoint, where there is one
	Force      bool           // train also where the teacher is near chance on the data, or a step needs more than Memory
	Memory     int64          // bytes that a training step may take, see [ErrMemory]; 0 is not checked
	Symbols    map[string]int // sizes of symbolic extents other than the batch
	Progress   func(Progress) // may be nil; called from one goroutine
	Logger     *slog.Logger   // may be nil
}

// Options are the settings that a run's result depends on. [Options.withDefaults] fills in what is zero.
type Options struct {
	Batch       int           // samples per step; default 64
	Steps       int           // of training; 0: Epochs or Duration say
	Epochs      int           // passes over the training data; default 10, where nothing else is given
	Duration    time.Duration // of training: becomes a number of steps after the first ones have been timed
	LearnRate   float64       // the peak; default 0.02 for sgd, 0.1 where weights are random, 0.001 for adamw
	Random      bool          // the student starts from random weights
	Schedule    Schedule      // its Peak is LearnRate; default warm-up 0.1
	Optimiser   Optimiser     // default [DefaultOptimiser]
	Losses      loss.Weights  // default [loss.Default]
	FinalLosses loss.Weights  // what weights end at, reached linearly over the run; terms that are not named keep theirs
	Pretrain    float64       // fraction of the steps, the first ones, that train on feature maps alone, as in FitNets
	Temperature float64       // of terms that soften logits; default 4, and 1 for outputs of more than 100 classes
	Task        Task          // default Auto
	Seed        uint64
	EvalEvery   int // steps between validations; default one epoch, and at least ten a run
	// CheckpointEvery is the number of steps between checkpoints; 0: about every half minute.
	CheckpointEvery int

	named bool // Losses were given
}

func (o Options) withDefaults() Options {
	if o.Batch == 0 {
		o.Batch = defaultBatch
	}
	if o.Epochs == 0 && o.Steps == 0 && o.Duration == 0 {
		o.Epochs = 10
	}
	if o.Optimiser == (Optimiser{}) {
		o.Optimiser = DefaultOptimiser()
	}
	if o.Schedule == (Schedule{}) {
		o.Schedule.Warmup = 0.1
	}
	if o.named = o.Losses != nil; !o.named {
		o.Losses = loss.Default()
	}
	if o.Task == "" {
		o.Task = Auto
	}
	return o
}

// used are the weights of the terms that count at some time.
func (o Options) used() loss.Weights {
	w := loss.Weights{}
	for name, v := range o.Losses {
		if v > 0 || o.FinalLosses[name] > 0 {
			w[name] = v
		}
	}
	return w
}

// weightsAt are the weights in a step, counted from 0.
func (o Options) weightsAt(step, steps int) loss.Weights {
	w := maps.Clone(o.Losses)
	done := float64(step) / float64(max(1, steps-1))
	for name, end := range o.FinalLosses {
		w[name] += (end - w[name]) * done
	}
	if float64(step) < o.Pretrain*float64(steps) {
		for _, l := range loss.Outputs() {
			w[l.Name] = 0
		}
	}
	return w
}

// settle decides what depends on the student.
func (o *Options) settle(normalised bool) {
	o.Optimiser = o.Optimiser.settle(normalised)
	if o.LearnRate == 0 {
		o.LearnRate = o.Optimiser.peak(o.Random)
	}
	o.Schedule.Peak = o.LearnRate
}

func (o Options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("distill: "+format, args...)) }
	if o.Batch < 1 || o.Steps < 0 || o.Epochs < 0 || o.Duration < 0 || o.EvalEvery < 0 || o.CheckpointEvery < 0 {
		bad("batch %d, steps %d, epochs %d, time %v: want no negative number", o.Batch, o.Steps, o.Epochs, o.Duration)
	}
	if !(o.LearnRate >= 0) || !(o.Temperature >= 0) {
		bad("learning rate %g, temperature %g: want no negative numbers", o.LearnRate, o.Temperature)
	}
	if o.Task != Auto && o.Task != Classify && o.Task != Regress {
		bad("task %q: there are auto, classify and regress", o.Task)
	}
	if !(o.Pretrain >= 0 && o.Pretrain < 1) {
		bad("pre-training of %g of the steps: want a fraction from 0 to below 1", o.Pretrain)
	}
	for name := range o.FinalLosses {
		if _, named := o.Losses[name]; !named {
			bad("loss %q is to end with a weight, and has none to begin with", name)
		}
	}
	errs = append(errs, o.Optimiser.check())
	return errors.Join(errs...)
}

// Progress is a moment of a run.
type Progress struct {
	Phase           string // "synthesising", "choosing" a student among several, "preparing", "training", "evaluating"
	Step, Steps     int    // of training: done, and in all; Steps is 0 while it is not known, as it is of choosing
	Loss            float64
	ImagesPerSecond float64
	Remaining       time.Duration // an estimate; 0 where there is none yet
	Point           *Point        // a validation that has just been done
}

// Point is one validation in the course of a run.
type Point struct {
	Step    int                `json:"step"`
	Losses  map[string]float64 `json:"losses,omitempty"` // means since the last point; terms before their weights
	Metrics Metrics            `json:"metrics"`          // on the validation part
}

// Result is what a run has reached.
type Result struct {
	Student         *graph.Graph // the given student with the best state's weights
	Task            Task         // what was taken
	Teacher         Metrics      // of the teacher, on the validation part
	Before          Metrics      // of the student before training, on the validation part
	Best            Metrics      // of the exported state, on the validation part
	BestStep        int
	Steps, Batch    int
	Seconds         float64 // of training, all runs of it together, validations included
	ImagesPerSecond float64 // trained samples over Seconds
	StepTime        float64 // ms, the median of the steps since the start or the last resumption; 0 where there was none
	History         []Point
	Losses          []Term
}

// Errors that callers tell apart.
var (
	// ErrTeacherNearChance says that the teacher is no better than guessing on the data.
	ErrTeacherNearChance = errors.New("the teacher is near chance on this data: check the preprocessing " +
		"(scale, mean, deviation, layout) and the order of classes, or go on nevertheless")
	// ErrInterrupted says that the run was cancelled; with a checkpoint folder it can be resumed.
	ErrInterrupted = errors.New("interrupted")
)

// fingerprint tells runs apart whose steps would differ.
func (j *Job) fingerprint(o Options) (string, error) {
	h := sha256.New()
	for _, g := range []*graph.Graph{j.Teacher, j.Student} {
		if err := g.Dump(h); err != nil {
			return "", err
		}
		for _, v := range g.Initializers {
			fmt.Fprintf(h, "%s %v\n", v.Name, v.Const.Data)
		}
	}
	for _, ds := range []dataset.Dataset{j.Train, j.Validation} {
		id, err := dataset.Fingerprint(ds)
		if err != nil {
			return "", fmt.Errorf("distill: %w", err)
		}
		fmt.Fprintln(h, id)
	}
	o.CheckpointEvery, o.Duration = 0, 0
	losses := o.Losses.String() + " " + o.FinalLosses.String()
	o.Losses, o.FinalLosses = nil, nil
	pairs, err := json.Marshal(j.Pairs)
	if err != nil {
		return "", fmt.Errorf("distill: %w", err)
	}
	fmt.Fprintf(h, "%+v %s %s %v %v %s %s %+v", o, losses, pairs, j.Augment, j.Symbols,
		j.Engine.Name(), j.Engine.Version(), j.EngineOptions)
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func (j *Job) log() *slog.Logger { return orSilent(j.Logger) }

// orSilent is a logger that may be nil.
func orSilent(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

func (j *Job) report(p Progress) {
	if j.Progress != nil {
		j.Progress(p)
	}
}

func (j *Job) backend() backend { return backend{j.Engine, j.EngineOptions} }

package distill

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/ildc/ildc/distill/loss"
)

// Options are the settings that a run's result depends on. Those that are zero have defaults.
type Options struct {
	Batch       int           // samples per step; default 64. Where there are fewer, each is there several times
	Steps       int           // of training; 0: Epochs or Duration say
	Epochs      int           // passes over the training data; default 10, or more for 800 steps, where nothing is given
	Duration    time.Duration // of training: becomes a number of steps after the first ones have been timed
	LearnRate   float64       // the peak; default 0.01 for muon, 0.02 for sgd, 0.003 for adamw; other ones where Random
	Random      bool          // the student starts from random weights
	Schedule    Schedule      // its Peak is LearnRate; default warm-up 0.1
	Optimiser   Optimiser     // default [DefaultOptimiser]
	Losses      loss.Weights  // default [loss.Default]
	FinalLosses loss.Weights  // what weights end at, reached linearly over the run; terms that are not named keep theirs
	Pretrain    float64       // fraction of the steps, the first ones, that train on feature maps alone, as in FitNets
	Temperature float64       // of terms that soften logits; default 4, and 1 for outputs of more than 100 classes
	Task        Task          // default Auto
	Seed        uint64
	EvalEvery   int // steps between validations; default one epoch, and 10 to 40 a run
	// KeepLast gives the last state in place of the one that validates best, unless it is worse than the first: for
	// validation parts that tell little, as a few samples do, or those that were trained on.
	KeepLast bool
	// CheckpointEvery is the number of steps between checkpoints; 0: about every half minute.
	CheckpointEvery int

	named bool // Losses were given
	least int  // steps, of epochs that were not given
}

// defaultEpochs and leastSteps say how long a run is that is not told: few samples take as many steps as more do.
const (
	defaultEpochs = 10
	leastSteps    = 800
)

func (o Options) withDefaults() Options {
	if o.Batch == 0 {
		o.Batch = defaultBatch
	}
	if o.Epochs == 0 && o.Steps == 0 && o.Duration == 0 {
		o.Epochs, o.least = defaultEpochs, leastSteps
	}
	if o.Optimiser == (Optimiser{}) {
		o.Optimiser = DefaultOptimiser()
	}
	if o.LearnRate == 0 {
		o.LearnRate = o.Optimiser.peak(o.Random)
	}
	if o.Schedule == (Schedule{}) {
		o.Schedule.Warmup = 0.1
	}
	o.Schedule.Peak = o.LearnRate
	if o.named = o.Losses != nil; !o.named {
		o.Losses = loss.Default()
	}
	if o.Task == "" {
		o.Task = Auto
	}
	return o
}

// RunSteps is how many steps a run on so many samples takes; 0 where a Duration says.
func (o Options) RunSteps(samples int) int {
	o = o.withDefaults()
	if o.Steps > 0 {
		return o.Steps
	}
	return max(o.least, o.Epochs*max(1, samples/o.Batch))
}

// Passes is how often a run sees each of so many samples; 0 where a Duration says.
func (o Options) Passes(samples int) float64 {
	return float64(o.RunSteps(samples)*o.withDefaults().Batch) / float64(max(1, samples))
}

// Short are the options of a run of so many steps, in all else the same, which gives its last state.
func (o Options) Short(steps int) Options {
	o.Steps, o.Epochs, o.Duration, o.EvalEvery, o.KeepLast = steps, 0, 0, steps, true
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

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/models"
)

// memoryFlag bounds what a training step takes.
type memoryFlag string

func (m *memoryFlag) register(f *pflag.FlagSet) {
	f.StringVar((*string)(m), "memory", "", "what a training step may take, as 8GB (default: what is free)")
}

func (m memoryFlag) parse() (int64, error) {
	if m == "" {
		return 0, nil
	}
	b, err := models.ParseBudget("bytes=" + string(m))
	if err != nil || len(b) != 1 || b[0].Ratio || b[0].Value < 1 {
		return 0, usageError{fmt.Errorf("--memory %q: want a size, as 8GB", string(m))}
	}
	return int64(b[0].Value), nil
}

// trainFlags say how to train.
type trainFlags struct {
	options   distill.Options
	losses    string
	final     string
	optimiser string
	task      string
	duration  time.Duration
	decay     float64
	clip      float64
}

// registerStep registers what a training step is.
func (t *trainFlags) registerStep(f *pflag.FlagSet) {
	o := &t.options
	f.StringVar(&t.losses, "losses", "",
		"terms and their weights, as kd,hint=2,at=0.5 (default "+loss.Default().String()+")")
	f.StringVar(&t.final, "final-losses", "",
		"weights that terms reach at the end, linearly over the run, as hint=0; others keep theirs")
	f.Float64Var(&o.LearnRate, "lr", 0,
		"peak learning rate (default 0.01 for muon, 0.02 for sgd, 0.003 for adamw; 0.02, 0.1, 0.001 with --random-init)")
	f.StringVar(&t.optimiser, "optimizer", distill.DefaultOptimiser().Name, strings.Join(distill.Optimisers, ", "))
	f.Float64Var(&t.decay, "weight-decay", 5e-4, "decay of weights; biases and batch norm have none")
	f.Float64Var(&t.clip, "clip", 5, "global norm that gradients are clipped to; 0: not clipped")
	f.Float64Var(&o.Temperature, "temperature", 0, "of kd, dkd and dist (default 4; 1 for more than 100 classes)")
	f.StringVar(&t.task, "task", "auto", "auto, classify or regress")
}

// register registers what a run is: its steps, and how many there are.
func (t *trainFlags) register(f *pflag.FlagSet) {
	t.registerStep(f)
	o := &t.options
	f.IntVar(&o.Batch, "batch", 0, "samples per step (default 64)")
	f.IntVar(&o.Epochs, "epochs", 0, "passes over the training data (default 10, or as many as 800 steps take)")
	f.IntVar(&o.Steps, "steps", 0, "training steps, instead of epochs")
	f.DurationVar(&t.duration, "time", 0, "time to train for, as 10m, instead of epochs")
	f.Float64Var(&o.Pretrain, "pretrain", 0, "fraction of the steps, the first ones, that train on feature maps alone, "+
		"as for students that start from random weights")
	f.IntVar(&o.EvalEvery, "eval-every", 0, "steps between validations (default: an epoch; 10 to 40 a run)")
	f.IntVar(&o.CheckpointEvery, "checkpoint-every", 0, "steps between checkpoints (default: about half a minute)")
}

func (t *trainFlags) parse(seed uint64) (distill.Options, error) {
	o := t.options
	o.Seed, o.Duration, o.Task = seed, t.duration, distill.Task(t.task)
	o.Optimiser = distill.Optimiser{Name: t.optimiser, Momentum: 0.9, WeightDecay: t.decay, ClipNorm: t.clip}
	given := 0
	for _, g := range []bool{o.Epochs != 0, o.Steps != 0, o.Duration != 0} {
		if g {
			given++
		}
	}
	if given > 1 {
		return o, usageError{fmt.Errorf("--epochs, --steps and --time exclude each other")}
	}
	if t.losses != "" {
		w, err := loss.ParseWeights(t.losses)
		if err != nil {
			return o, usageError{err}
		}
		o.Losses = w
	}
	if t.final != "" {
		w, err := loss.ParseWeights(t.final)
		if err != nil {
			return o, usageError{err}
		}
		o.FinalLosses = w
	}
	return o, nil
}

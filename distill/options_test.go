package distill

import (
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/loss"
)

// Weights move in a straight line to their ends; in pre-training no term of outputs counts.
func TestWeightsMove(t *testing.T) {
	o := Options{Pretrain: 0.25,
		Losses: loss.Weights{"kd": 1, "hint": 4, "ce": 0}, FinalLosses: loss.Weights{"hint": 0, "ce": 1}}
	for _, c := range []struct {
		step         int
		kd, hint, ce float64
	}{
		{0, 0, 4, 0}, {2, 0, 3, 0}, {4, 1, 2, 0.5}, {8, 1, 0, 1},
	} {
		if w := o.weightsAt(c.step, 9); w["kd"] != c.kd || w["hint"] != c.hint || w["ce"] != c.ce {
			t.Errorf("step %d: weights %v, want %+v", c.step, w, c)
		}
	}
	if w := o.used(); len(w) != 3 {
		t.Errorf("terms that count at some time: %v", w)
	}
	o.FinalLosses = nil
	if w := o.used(); len(w) != 2 {
		t.Errorf("terms that count at some time: %v", w)
	}
}

// Everything that is wrong with options is said at once.
func TestBadOptions(t *testing.T) {
	bad := Options{Batch: -1, LearnRate: -1, Task: "guess", Pretrain: 1, FinalLosses: loss.Weights{"at": 1},
		Optimiser: Optimiser{Name: "sgd", Momentum: 1}}
	err := bad.withDefaults().check()
	for _, want := range []string{
		"batch -1", "learning rate -1", `task "guess"`, "pre-training of 1", `loss "at"`, "momentum 1",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v: want %q", err, want)
		}
	}
	for _, o := range []Optimiser{{Name: "sgd", WeightDecay: -1}, {Name: "adamw", ClipNorm: -1}, {Name: "magic"}} {
		if o.check() == nil {
			t.Errorf("optimiser %+v is taken", o)
		}
	}
	if err := (Options{}).withDefaults().check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

// A run that is told nothing has as many epochs as it takes, and enough steps where samples are few.
func TestDefaultsFitTheSamples(t *testing.T) {
	for _, c := range []struct {
		samples, steps int
		passes         float64
	}{{5, 800, 10240}, {64, 800, 800}, {500, 800, 102.4}, {45000, 7030, 7030 * 64. / 45000}} {
		var o Options
		if o.RunSteps(c.samples) != c.steps || o.Passes(c.samples) != c.passes {
			t.Errorf("%d samples: %d steps, seen %g times: want %+v", c.samples, o.RunSteps(c.samples), o.Passes(c.samples), c)
		}
	}
	if p := (Options{Steps: 30, Batch: 10}).Passes(100); p != 3 {
		t.Errorf("30 steps of 10 see 100 samples %g times", p)
	}
	if p := (Options{Duration: 1}).Passes(100); p != 0 {
		t.Errorf("a duration sees samples %g times", p)
	}
}

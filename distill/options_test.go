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
	err := bad.withDefaults(64).check()
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
	if err := (Options{}).withDefaults(64).check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

// A run that is told nothing fits its samples: batches that they fill, and enough steps where they are few.
func TestDefaultsFitTheSamples(t *testing.T) {
	for _, c := range []struct {
		samples, batch int
		passes         float64
	}{{5, 4, 800}, {50, 32, 800}, {64, 64, 800}, {500, 64, 800. / 7}, {45000, 64, 10}} {
		o := Options{}.withDefaults(c.samples)
		if o.Batch != c.batch || (Options{}).Passes(c.samples) != c.passes {
			t.Errorf("%d samples: batches of %d, seen %g times: want %+v", c.samples, o.Batch, (Options{}).Passes(c.samples), c)
		}
	}
	if p := (Options{Steps: 30, Batch: 10}).Passes(100); p != 3 {
		t.Errorf("30 steps of 10 see 100 samples %g times", p)
	}
	if p := (Options{Duration: 1}).Passes(100); p != 0 {
		t.Errorf("a duration sees samples %g times", p)
	}
}

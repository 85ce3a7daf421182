package distill

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/ildc/ildc/distill/dataset"
)

// A trainer takes the steps that a run takes: fed what a run is fed, it has the run's losses.
func TestTrainerTakesTheRunsSteps(t *testing.T) {
	ctx := context.Background()
	j := job(t)
	j.Options.Schedule = Schedule{Final: 1} // the peak, all the time
	j.Options.Steps, j.Options.EvalEvery = 1, 1
	r, err := j.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := j.Trainer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	loader, err := dataset.NewLoader(j.Train, trainer.s.training())
	if err != nil {
		t.Fatal(err)
	}
	for b, err := range loader.Batches(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		losses, err := trainer.Step(ctx, b.Inputs)
		if err != nil {
			t.Fatal(err)
		}
		if want := r.History[0].Losses; !maps.Equal(losses, want) {
			t.Errorf("losses %v, the run's %v", losses, want)
		}
		break
	}
	if got, want := trainer.Terms(), r.Losses; len(got) != len(want) {
		t.Errorf("terms %v, the run's %v", got, want)
	}
	if v := trainer.Variances(); !(v["hint/hidden"] > 0) {
		t.Errorf("variances %v: want that of hint/hidden", v)
	}
}

func TestTrainerBatches(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ batch, n, want int }{
		{16, 2, 2},
		{16, 100, 4}, // of 64 samples
		{24, 100, 2}, // the last samples fill no batch
	} {
		j := job(t)
		j.Options.Batch, j.Options.LearnRate = c.batch, 0.001
		trainer, err := j.Trainer(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer trainer.Close()
		batches, err := trainer.Batches(ctx, c.n)
		if err != nil || len(batches) != c.want {
			t.Fatalf("%d batches of %d, want %d: %v", len(batches), c.batch, c.want, err)
		}
		var first, last float64 // loss of the first batch
		for i := range 20 {
			b := batches[i%len(batches)]
			if b.Index[0] != i%len(batches)*c.batch || !slices.IsSorted(b.Index) {
				t.Fatalf("samples %v", b.Index)
			}
			losses, err := trainer.Step(ctx, b.Inputs)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = losses["total"]
			}
			if i%len(batches) == 0 {
				last = losses["total"]
			}
		}
		if !(last < first) {
			t.Errorf("the loss goes from %v to %v", first, last)
		}
	}
}

// The temperature reaches the step: of three classes it is 4 where none was asked for.
func TestStepTemperature(t *testing.T) {
	ctx := context.Background()
	kd := func(temperature float64) float64 {
		j := job(t)
		j.Options.Temperature = temperature
		trainer, err := j.Trainer(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer trainer.Close()
		batches, err := trainer.Batches(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		losses, err := trainer.Step(ctx, batches[0].Inputs)
		if err != nil {
			t.Fatal(err)
		}
		return losses["kd"]
	}
	if kd(0) != kd(4) || kd(0) == kd(1) {
		t.Errorf("kd is %g where no temperature was asked for, %g at 4, and %g at 1", kd(0), kd(4), kd(1))
	}
}

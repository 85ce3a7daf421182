package distill

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
)

// moved is how far a step of plain gradient descent at rate 1 moves the student's parameters: the norm of the gradient
// of the weighed terms.
func moved(t *testing.T, j Job) float64 {
	t.Helper()
	ctx := context.Background()
	j.Options.LearnRate, j.Options.Optimiser = 1, Optimiser{Name: "sgd"}
	trainer, err := j.Trainer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	before, err := trainer.s.train.State()
	if err != nil {
		t.Fatal(err)
	}
	was := map[string][]float64{}
	for name, v := range before {
		was[name] = v.Values()
	}
	loader, err := dataset.NewLoader(j.Train, trainer.s.training())
	if err != nil {
		t.Fatal(err)
	}
	var batch map[string]*graph.Tensor
	for b, err := range loader.Batches(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		batch = b.Inputs
		break
	}
	if _, err := trainer.Step(ctx, batch); err != nil {
		t.Fatal(err)
	}
	after, err := trainer.s.train.State()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for name, v := range after {
		if !strings.HasPrefix(name, studentState("")) {
			continue // connectors
		}
		for i, x := range v.Values() {
			sum += (x - was[name][i]) * (x - was[name][i])
		}
	}
	return math.Sqrt(sum)
}

// A feature term of weight 1 pulls at the student as hard as kd, whatever their sizes; an output term's weight is taken
// as it is. The batch is all samples, so that each step sees what was balanced; float32 sums leave 10⁻⁴.
func TestTermsAreBalanced(t *testing.T) {
	with := func(w loss.Weights) Job {
		j := job(t)
		j.Options.Batch, j.Options.Losses = 64, w
		return j
	}
	kd := moved(t, with(loss.Weights{"kd": 1}))
	for _, c := range []struct {
		losses loss.Weights
		want   float64
	}{
		{loss.Weights{"hint": 1}, kd}, {loss.Weights{"hint": 3}, 3 * kd}, {loss.Weights{"sp": 1}, kd},
		{loss.Weights{"kd": 2}, 2 * kd},
	} {
		if got := moved(t, with(c.losses)); math.Abs(got-c.want) > 1e-4*c.want {
			t.Errorf("%v moves the student by %g: want %g", c.losses, got, c.want)
		}
	}
}

// A student that is its teacher is pulled by nothing, and one that has the teacher's map is not pulled by its hint.
func TestBalanceOfTermsThatDoNotPull(t *testing.T) {
	same := job(t)
	same.Student, _ = same.Teacher.Clone()
	head := job(t)
	head.Student, _ = head.Teacher.Clone()
	for _, v := range head.Student.Initializers {
		if v.Name == "w2" {
			half := v.Const.Values()
			for i := range half {
				half[i] /= 2
			}
			v.Const = graph.FromValues(v.DType, v.Const.Dims, half)
		}
	}
	for name, j := range map[string]Job{"the teacher": same, "its first layer": head} {
		trainer, err := j.Trainer(context.Background())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, term := range trainer.Terms() {
			if math.IsNaN(term.Balance) || term.Balance < 0 || term.Balance > maxBalance {
				t.Errorf("%s: the balance of %s is %g", name, term.Name, term.Balance)
			}
		}
		trainer.Close()
	}
}

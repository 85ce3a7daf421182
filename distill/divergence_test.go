package distill

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
)

// divergence compares two models on the training data of [job], all of it once.
func divergenceOf(t *testing.T, teacher, student *graph.Graph) float64 {
	t.Helper()
	j := job(t)
	d := Divergence{Teacher: teacher, Engine: j.Engine, Data: j.Train, Bindings: j.Bindings, Batch: 16}
	got, err := d.Measure(64)(t.Context(), student)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDivergence(t *testing.T) {
	teacher, student := perceptron(16, 1), perceptron(6, 2)
	if d := divergenceOf(t, teacher, teacher); math.Abs(d) > 1e-6 {
		t.Errorf("a model diverges from itself by %g", d)
	}
	// T²·KL(softmax(t/T) ‖ softmax(s/T)) by hand, T = 4 for three classes.
	j := job(t)
	want := 0.0
	for i := range 64 {
		s, err := j.Train.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		soft := func(g *graph.Graph) []float32 {
			_, logits := forward(g, s.Features[0].Values())
			return []float32{float32(logits[0] / 4), float32(logits[1] / 4), float32(logits[2] / 4)}
		}
		want += 16 * divergence(soft(teacher), soft(student)) / 64
	}
	if got := divergenceOf(t, teacher, student); math.Abs(got-want) > 1e-5*want {
		t.Errorf("divergence %g, by hand %g", got, want)
	}
}

// Of several outputs the divergences add up.
func TestDivergenceOfHeads(t *testing.T) {
	teacher, student := perceptron(16, 1), perceptron(16, 2)
	one := divergenceOf(t, teacher, student)
	if both := divergenceOf(t, heads(teacher), heads(student)); !(both > one) {
		t.Errorf("the divergence is %g of one output, and %g of three", one, both)
	}
}

package distill

import (
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
)

func TestMeter(t *testing.T) {
	m := &meter{classify: true}
	got := graph.FromFloat32([]int{3, 2}, []float32{2, 0, 0, 1, 5, 5})
	want := graph.FromFloat32([]int{3, 2}, []float32{1, 0, 1, 0, 9, 9})
	m.add(got, want, []int{0, 0, 1}, 2) // the third row is padding
	r := m.metrics(true)
	if *r.Accuracy != 0.5 || *r.Agreement != 0.5 || r.Samples != 2 {
		t.Errorf("accuracy %v, agreement %v of %d: want 0.5, 0.5 of 2", *r.Accuracy, *r.Agreement, r.Samples)
	}
	// KL of Bernoulli distributions σ(1) from σ(2) and from σ(−1).
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	kl := func(q, p float64) float64 { return q*math.Log(q/p) + (1-q)*math.Log((1-q)/(1-p)) }
	if w := (kl(sigmoid(1), sigmoid(2)) + kl(sigmoid(1), sigmoid(-1))) / 2; math.Abs(*r.KL-w) > 1e-9 {
		t.Errorf("KL %v: want %v", *r.KL, w)
	}
	if w := math.Sqrt(3. / 2); math.Abs(*r.RelativeL2-w) > 1e-9 {
		t.Errorf("relative L2 %v: want %v", *r.RelativeL2, w)
	}
	if w := 0.5; math.Abs(*r.Cosine-w) > 1e-9 { // parallel, and orthogonal
		t.Errorf("cosine %v: want %v", *r.Cosine, w)
	}
	if *r.Largest != 1 {
		t.Errorf("largest difference %v: want 1", *r.Largest)
	}
}

// TestJoined: of several outputs each counts the same, whatever its scale; each is told by itself, too.
func TestJoined(t *testing.T) {
	outputs := []output{{name: "class", classify: true, labelled: true}, {name: "large"}, {name: "small"}}
	meters := []*meter{{classify: true}, {}, {}}
	rows := func(v ...float32) *graph.Tensor { return graph.FromFloat32([]int{2, len(v) / 2}, v) }
	meters[0].add(rows(2, 0, 0, 1), rows(1, 0, 1, 0), []int{0, 0}, 2)
	meters[1].add(rows(900, 1000), rows(1000, 1000), nil, 2)
	meters[2].add(rows(0, -1), rows(0, 1), nil, 2)
	m := joined(outputs, meters, true)
	if m.Samples != 2 || *m.Accuracy != 0.5 || *m.Agreement != 0.5 || *m.Largest != 100 {
		t.Errorf("got %+v", m)
	}
	l2 := (math.Sqrt(3./2) + math.Sqrt(1e4/2e6) + 2) / 3
	cosine := (0.5 + 1 - 0.5) / 3 // of the small one the first sample has no direction
	if math.Abs(*m.RelativeL2-l2) > 1e-9 || math.Abs(*m.Cosine-cosine) > 1e-9 {
		t.Errorf("relative L2 %g, cosine %g: want %g, %g", *m.RelativeL2, *m.Cosine, l2, cosine)
	}
	if small := m.Outputs["small"]; len(m.Outputs) != 3 || *small.RelativeL2 != 2 || small.Agreement != nil {
		t.Errorf("by output: %+v", m.Outputs)
	}
	if !m.mixed() {
		t.Error("not all outputs are logits")
	}
	nearer := m
	half := l2 / 2
	nearer.RelativeL2 = &half
	if !nearer.better(m) || m.better(nearer) {
		t.Error("the nearer one is not better")
	}
}

func TestBetter(t *testing.T) {
	of := func(accuracy, kl float64) Metrics { return Metrics{Samples: 100, Accuracy: &accuracy, KL: &kl} }
	for _, c := range []struct {
		name string
		m, n Metrics
		want bool
	}{
		{"far more accurate", of(0.9, 0.5), of(0.7, 0.1), true},
		{"far less accurate", of(0.7, 0.1), of(0.9, 0.5), false},
		{"as accurate as chance can tell, and nearer", of(0.90, 0.1), of(0.91, 0.5), true},
		{"as accurate as chance can tell, and farther", of(0.91, 0.5), of(0.90, 0.1), false},
		{"the same", of(0.9, 0.1), of(0.9, 0.1), false},
	} {
		if got := c.m.better(c.n); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestScore(t *testing.T) {
	a, b, c := 0.9, 0.8, 0.7
	for _, test := range []struct {
		m     Metrics
		score float64
		name  string
		text  string
	}{
		{Metrics{Accuracy: &a, Agreement: &b, Cosine: &c}, 0.9, "accuracy", "accuracy 90.00 %, agreement 80.00 %"},
		{Metrics{Agreement: &b, Cosine: &c, KL: &c}, 0.8, "agreement", "agreement 80.00 %, KL 0.7000"},
		{Metrics{Cosine: &c, RelativeL2: &a}, 0.7, "cosine", "relative L2 0.9000"},
		{Metrics{}, 0, "score", ""},
	} {
		if score, name := test.m.Score(); score != test.score || name != test.name || test.m.String() != test.text {
			t.Errorf("%s %g, %q: want %s %g, %q", name, score, test.m, test.name, test.score, test.text)
		}
	}
}

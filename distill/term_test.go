package distill

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// heads gives a perceptron two more outputs beside its logits [batch,3]: a distribution [batch,5], and a vector
// [batch,2].
func heads(g *graph.Graph) *graph.Graph {
	b := op.NewBuilder(g)
	hidden := g.ByName()["hidden"]
	weights := func(name string, columns int) *graph.Value {
		data := make([]float64, hidden.Shape[1].Size*columns)
		for i := range data {
			data[i] = float64(i%7) - 3
		}
		return b.Const(name, graph.FromValues(graph.Float32, []int{hidden.Shape[1].Size, columns}, data))
	}
	kind := b.Op("MatMul", nil, hidden, weights("wk", 5))
	place := b.Op("MatMul", nil, hidden, weights("wp", 2))
	b.Output(b.Rename(b.Op("Softmax", nil, kind), "kind"), b.Rename(place, "place"))
	if err := b.Err(); err != nil {
		panic(err)
	}
	return g
}

// TestHeads: each output is what it is by itself: the one that labels fit, one behind a Softmax, and one to regress.
func TestHeads(t *testing.T) {
	j := job(t)
	j.Teacher, j.Student = heads(perceptron(16, 1)), heads(perceptron(8, 2))
	j.Options = Options{Steps: 60, Batch: 16, LearnRate: 0.01, Losses: loss.Weights{"kd": 1, "ce": 0.1, "dist": 0.1}}
	r, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	m := r.Best
	if m.Accuracy == nil || m.Agreement == nil || len(m.Outputs) != 3 || !m.mixed() {
		t.Fatalf("metrics %+v", m)
	}
	for name, classes := range map[string]bool{"logits": true, "kind": true, "place": false} {
		o := m.Outputs[name]
		if (o.Agreement != nil) != classes || (o.Accuracy != nil) != (name == "logits") {
			t.Errorf("%s: %+v", name, o)
		}
		if before := r.Before.Outputs[name]; *o.RelativeL2 >= *before.RelativeL2 {
			t.Errorf("%s is no nearer to the teacher: relative L2 %.3f before, %.3f after",
				name, *before.RelativeL2, *o.RelativeL2)
		}
	}
	for name, want := range map[string][]string{"kd": nil, "ce": {"logits"}, "dist": {"logits", "kind"}} {
		i := slices.IndexFunc(r.Losses, func(t Term) bool { return t.Name == name })
		if i < 0 || !slices.Equal(r.Losses[i].Outputs, want) || len(r.Losses[i].Refused) != (3-len(want))%3 {
			t.Errorf("%s: %+v, want it on %v", name, r.Losses, want)
		}
	}
}

// TestTask: the user has the last word on what outputs are.
func TestTask(t *testing.T) {
	for task, want := range map[Task][]bool{
		Auto: {true, true, false}, Classify: {true, true, true}, Regress: {false, false, false},
	} {
		c, err := prepare(heads(perceptron(16, 1)), heads(perceptron(8, 2)), pass.Binding{Batch: 4}, task, 3, false)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range c.outputs {
			if o.classify != want[i] || o.labelled != (task != Regress && i == 0) {
				t.Errorf("%s: output %d is %+v", task, i, o)
			}
		}
	}
}

// TestLossWithNothingToCompare: a loss that was asked for is refused with the reason, one of the default mix is left
// out and says so.
func TestLossWithNothingToCompare(t *testing.T) {
	j := job(t)
	j.Pairs = []Pair{{Teacher: "hidden", Student: "hidden", Channel: 1}}
	j.Options = Options{Steps: 2, Batch: 16, Losses: loss.Weights{"kd": 1, "at": 1, "fsp": 1}}
	_, err := j.Run(context.Background())
	for _, want := range []string{"loss at", "loss fsp"} {
		if !errors.Is(err, ErrNoTerm) || !strings.Contains(err.Error(), want) {
			t.Errorf("attention maps of vectors: %v, want %q", err, want)
		}
	}
	j.Pairs, j.Options.Losses = nil, nil
	r, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(r.Losses, func(t Term) bool { return t.Name == "hint" && t.Unused && len(t.Refused) > 0 }) {
		t.Errorf("without aligned maps the terms are %+v", r.Losses)
	}
}

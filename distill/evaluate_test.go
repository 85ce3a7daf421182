package distill

import (
	"strings"
	"testing"
)

// An evaluation of a model on the labels that it gave itself, and against itself and another.
func TestEvaluation(t *testing.T) {
	j := job(t)
	e := Evaluation{Model: j.Teacher, Engine: j.Engine, Data: j.Validation, Bindings: j.Bindings}
	e.Batch = 10 // the last one is padded
	alone, err := e.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if alone.Samples != 32 || *alone.Accuracy != 1 || alone.Agreement != nil {
		t.Errorf("alone: %+v", alone)
	}
	e.Teacher = j.Teacher
	same, err := e.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if *same.Agreement != 1 || *same.KL != 0 || *same.RelativeL2 != 0 {
		t.Errorf("against itself: %v", same)
	}
	e.Model = j.Student
	other, err := e.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !(*other.Agreement < 1) || !(*other.KL > 0) || !same.better(other) {
		t.Errorf("another model: %v", other)
	}
	e.Task = Regress
	if r, err := e.Run(t.Context()); err != nil || r.Agreement != nil || *r.Cosine >= 1 {
		t.Errorf("as values: %+v, %v", r, err)
	}
	e.Model = heads(perceptron(6, 2))
	if _, err := e.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "outputs") {
		t.Errorf("a model with other outputs: %v", err)
	}
}

package ort_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
)

// A model's own bytes give what the reference gives for the imported graph, at a batch that the file leaves open.
func TestRunModel(t *testing.T) {
	e := open(t)
	const path = "../../../testdata/digits/teacher.onnx"
	model, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, err := importer.File(path)
	if err != nil {
		t.Fatal(err)
	}
	x := graph.NewTensor(graph.Float32, 3, 1, 8, 8)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(i*i%17) / 16
	}
	in := map[string]*graph.Tensor{g.Inputs[0].Name: x}
	name := g.Outputs[0].Name
	want, err := pass.Eval(g, in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.RunModel(context.Background(), model, in, name)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got[name].Dims, want[name].Dims) {
		t.Fatalf("%v, want %v", got[name], want[name])
	}
	for i, w := range want[name].Float32s() {
		// Ten layers of float32 sums in another order: a few units in the sixth digit of logits around 10.
		if d := got[name].Float32s()[i] - w; d > 1e-4 || d < -1e-4 {
			t.Errorf("element %d: %v, want %v", i, got[name].Float32s()[i], w)
		}
	}
	for what, run := range map[string]func() error{
		"no model":     func() error { _, err := e.RunModel(context.Background(), []byte("hello"), in, name); return err },
		"no such name": func() error { _, err := e.RunModel(context.Background(), model, in, "nothing"); return err },
		"another shape": func() error {
			_, err := e.RunModel(context.Background(), model,
				map[string]*graph.Tensor{g.Inputs[0].Name: graph.NewTensor(graph.Float32, 3)}, name)
			return err
		},
	} {
		if run() == nil {
			t.Errorf("%s: no error", what)
		}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.RunModel(cancelled, model, in, name); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

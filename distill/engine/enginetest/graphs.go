package enginetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// unsupported checks that Compile names everything that it cannot run.
func unsupported(t testing.TB, e engine.Engine) {
	g := graph.New("unsupported")
	g.Opsets[""] = op.Opset
	x := &graph.Value{Name: "x", DType: graph.Float32, Shape: graph.Dims(2)}
	y := &graph.Value{Name: "y", DType: graph.Float32, Shape: graph.Dims(2)}
	z := &graph.Value{Name: "z", DType: graph.Float32, Shape: graph.Dims(2)}
	for _, n := range []*graph.Node{
		{Name: "first", Op: "Frobnicate", Inputs: []*graph.Value{x}, Outputs: []*graph.Value{y}},
		{Name: "second", Op: "Reverberate", Domain: "com.example", Inputs: []*graph.Value{y}, Outputs: []*graph.Value{z}},
	} {
		n.Outputs[0].Producer = n
		g.Nodes = append(g.Nodes, n)
	}
	g.Opsets["com.example"] = 1
	g.Inputs, g.Outputs = []*graph.Value{x}, []*graph.Value{z}
	_, err := e.Compile(context.Background(), &engine.Step{Graph: g}, engine.Options{})
	if !errors.Is(err, engine.ErrUnsupported) {
		t.Fatalf("error %v, want engine.ErrUnsupported", err)
	}
	for _, name := range []string{"first", "Frobnicate", "second", "com.example.Reverberate"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %q: %v", name, err)
		}
	}
}

// sharing runs a graph whose values live in every way that may tempt an engine to reuse memory too early.
func sharing(t testing.TB, e engine.Engine) {
	g, b := newGraph("sharing")
	x := b.Input("x", graph.Float32, graph.Dims(4, 6))
	w := b.Const("w", normal(4, 6))
	flat := b.Op("Reshape", nil, x, b.Ints(24))           // a view of an input
	r := b.Op("Relu", nil, flat)                          // may not change the input
	view := b.Op("Reshape", nil, r, b.Ints(4, 6))         // a view of a value that is read again
	neg := b.Op("Neg", nil, view)                         // may not take r's memory
	sum := b.Op("Add", nil, neg, b.Op("Mul", nil, w, w))  // an initializer read twice
	twice := b.Op("Add", nil, sum, sum)                   // both operands are one value
	late := b.Op("Mul", nil, b.Op("Exp", nil, neg), view) // view lives on
	constant := b.Op("Identity", nil, w)                  // an output that is an initializer
	passed := b.Op("Reshape", nil, x, b.Ints(6, 4))       // an output that is an input
	parts := b.Ops("Split", 2, graph.Attrs{"axis": int64(0), "num_outputs": int64(2)}, late)
	b.Output(twice, late, constant, passed, b.Op("Reshape", nil, r, b.Ints(3, 8)), b.Op("Add", nil, parts[0], parts[1]), w)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	feeds := map[string]*graph.Tensor{"x": normal(4, 6)}
	want, err := pass.Eval(g, feeds)
	if err != nil {
		t.Fatal(err)
	}
	p := compile(t, e, &engine.Step{Graph: g}, engine.Options{})
	for range 2 {
		got := run(t, p, feeds)
		for name := range want {
			near(t, name, got[name], want[name], 1e-5)
		}
	}
}

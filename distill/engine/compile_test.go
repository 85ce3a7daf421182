package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// plain is an engine that runs no macro op, and keeps the step that it was given.
type plain struct {
	enginetest.Reference
	got *engine.Step
}

func (p *plain) Native() []string { return nil }

func (p *plain) Compile(ctx context.Context, s *engine.Step, o engine.Options) (engine.Program, error) {
	p.got = s
	return p.Reference.Compile(ctx, s, o)
}

// convolution is a model of x [batch,2,4,4] whose shape depends on the batch until it is bound.
func convolution(t *testing.T) *graph.Graph {
	t.Helper()
	g := graph.New("convolution")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	x := b.Input("x", graph.Float32, graph.Shape{graph.Sym("batch"), graph.D(2), graph.D(4), graph.Sym("width")})
	w := graph.NewTensor(graph.Float32, 3, 2, 1, 1)
	for i := range w.Float32s() {
		w.Float32s()[i] = float32(i)
	}
	y := b.Op("Conv", nil, x, b.Const("w", w))
	b.Output(b.Rename(b.Op("GlobalAveragePool", nil, y), "y"))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return g
}

func dump(t *testing.T, g *graph.Graph) string {
	t.Helper()
	var s strings.Builder
	if err := g.Dump(&s); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

func TestInfer(t *testing.T) {
	g := convolution(t)
	before := dump(t, g)
	bind := pass.Binding{Batch: 2, Symbols: map[string]int{"width": 4}}
	p, err := engine.Infer(t.Context(), enginetest.Reference{}, g, bind, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	x := graph.NewTensor(graph.Float32, 2, 2, 4, 4)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(i / 16) // each channel of each sample is constant: 0, 1; 2, 3
	}
	out, err := p.Run(t.Context(), map[string]*graph.Tensor{"x": x})
	if err != nil {
		t.Fatal(err)
	}
	// y = w·x with the rows (0,1), (2,3), (4,5) of w; whole numbers, so that sums are exact.
	if got, want := out["y"].Float32s(), []float32{1, 3, 5, 3, 13, 23}; !slices.Equal(got, want) {
		t.Errorf("y is %v, want %v", got, want)
	}
	if dump(t, g) != before {
		t.Error("the model was changed")
	}
	_, err = engine.Infer(t.Context(), enginetest.Reference{}, g, pass.Binding{Batch: 2}, engine.Options{})
	if err == nil || !strings.Contains(err.Error(), "width") {
		t.Errorf("an extent without a size: %v", err)
	}
}

// Macro ops that an engine does not run arrive as standard ones, those that it runs as they are; nodes without a reader
// don't arrive.
func TestCompileLowers(t *testing.T) {
	g := graph.New("macro")
	g.Opsets[""], g.Opsets[op.Macro] = op.Opset, 1
	b := op.NewBuilder(g)
	x, dy := b.Input("x", graph.Float32, graph.Dims(1, 2, 4, 4)), b.Input("dy", graph.Float32, graph.Dims(1, 2, 2, 2))
	attrs := graph.Attrs{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}
	b.Output(b.Op("ildc.MaxPoolGrad", attrs, dy, x))
	b.Op("Neg", nil, x)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	step := &engine.Step{Graph: g}
	p := &plain{}
	if _, err := engine.Compile(t.Context(), p, step, engine.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, n := range p.got.Graph.Nodes {
		if n.Domain == op.Macro || n.Op == "Neg" {
			t.Errorf("node %s arrived", n.OpName())
		}
	}
	low, err := engine.Lowered(step, enginetest.Reference{}.Native())
	if err != nil {
		t.Fatal(err)
	}
	if len(low.Graph.Nodes) != 1 || low.Graph.Nodes[0].Domain != op.Macro {
		t.Errorf("a native macro op becomes %d nodes", len(low.Graph.Nodes))
	}
	if len(g.Nodes) != 2 {
		t.Error("the step was changed")
	}
}

func TestCompileReportsWhatCannotRun(t *testing.T) {
	g := graph.New("nonsense")
	x := &graph.Value{Name: "x", DType: graph.Float32, Shape: graph.Dims(1)}
	g.Inputs = []*graph.Value{x}
	n := &graph.Node{Op: "Nonsense", Inputs: []*graph.Value{x}}
	v := &graph.Value{Name: "z", DType: graph.Float32, Shape: graph.Dims(1), Producer: n}
	n.Outputs = []*graph.Value{v}
	g.Nodes, g.Outputs = append(g.Nodes, n), []*graph.Value{v}
	_, err := engine.Compile(t.Context(), enginetest.Reference{}, &engine.Step{Graph: g}, engine.Options{})
	if !errors.Is(err, engine.ErrUnsupported) || !strings.Contains(err.Error(), "Nonsense") {
		t.Errorf("got %v", err)
	}
}

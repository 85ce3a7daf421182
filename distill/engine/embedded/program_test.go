package embedded

import (
	"context"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// TestPanicReachesTheCaller breaks a program's memory, so that an instruction panics.
func TestPanicReachesTheCaller(t *testing.T) {
	g := graph.New("broken")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	x := b.Input("x", graph.Float32, graph.Dims(4))
	b.Output(b.Op("ScatterElements", nil, x, b.Ints(0), b.Const("u", graph.NewTensor(graph.Float32, 1))))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	compiled, err := New().Compile(context.Background(), &engine.Step{Graph: g}, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := compiled.(*program)
	for v := range p.plan.tensors {
		if v.Producer != nil {
			v.Producer.Op = "NoSuchOp" // which op.Of does not find
		}
	}
	defer func() {
		if r, ok := recover().(string); !ok || !strings.Contains(r, "nil pointer") {
			t.Errorf("recovered %v", r)
		}
	}()
	_, err = p.Run(context.Background(), map[string]*graph.Tensor{"x": graph.NewTensor(graph.Float32, 4)})
	t.Errorf("Run returned, error %v", err)
}

package pass_test

import (
	"errors"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// calling is leaky(x) + leaky(x, slope 0.5), where leaky calls a function of its own.
func calling() *graph.Graph {
	g := graph.New("calling")
	g.Opsets[""], g.Opsets["own"] = op.Opset, 1
	g.Functions = []*graph.Function{
		{Domain: "own", Name: "leaky", Inputs: []string{"x", "scale"}, Outputs: []string{"z"},
			Defaults: graph.Attrs{"slope": float32(0.25)}, Nodes: []graph.FunctionNode{
				{Name: "a", Op: "LeakyRelu", Attrs: graph.Attrs{"alpha": graph.Ref{Name: "slope"}}, Inputs: []string{"x"},
					Outputs: []string{"y"}},
				{Name: "b", Op: "twice", Domain: "own", Inputs: []string{"y"}, Outputs: []string{"z"}},
			}},
		{Domain: "own", Name: "twice", Inputs: []string{"x"}, Outputs: []string{"y"}, Nodes: []graph.FunctionNode{
			{Op: "Add", Inputs: []string{"x", "x"}, Outputs: []string{"y"}},
		}},
	}
	x := &graph.Value{Name: "x", DType: graph.Float32, Shape: graph.Dims(2)}
	call := func(name string, attrs graph.Attrs) *graph.Value {
		n := &graph.Node{Name: name, Op: "leaky", Domain: "own", Attrs: attrs, Inputs: []*graph.Value{x}}
		n.Outputs = []*graph.Value{{Name: name, Producer: n}}
		g.Nodes = append(g.Nodes, n)
		return n.Outputs[0]
	}
	sum := &graph.Node{Name: "sum", Op: "Add", Inputs: []*graph.Value{call("first", nil),
		call("second", graph.Attrs{"slope": float32(0.5)})}}
	sum.Outputs = []*graph.Value{{Name: "sum", Producer: sum}}
	g.Nodes = append(g.Nodes, sum)
	g.Inputs, g.Outputs = []*graph.Value{x}, sum.Outputs
	return g
}

func TestFunctions(t *testing.T) {
	n, err := pass.Normalise(calling())
	if err != nil {
		t.Fatal(err)
	}
	out, err := pass.Eval(n, map[string]*graph.Tensor{"x": graph.FromFloat32([]int{2}, []float32{-4, 1})})
	if err != nil {
		t.Fatal(err)
	}
	if y := out["sum"].Values(); y[0] != 2*(-1-2) || y[1] != 4 {
		t.Errorf("%v, want -6 and 4", y)
	}
	if n.ByName()["first"] == nil || n.ByName()["second"] == nil {
		t.Error("what the calls give has lost its name")
	}
}

func TestFunctionsThatCallThemselves(t *testing.T) {
	g := calling()
	g.Functions[1].Nodes[0] = graph.FunctionNode{Op: "leaky", Domain: "own", Inputs: []string{"x"}, Outputs: []string{"y"}}
	if _, err := pass.Normalise(g); !errors.Is(err, op.ErrMalformed) {
		t.Errorf("error %v, want %v", err, op.ErrMalformed)
	}
}

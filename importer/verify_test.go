package importer_test

import (
	"math"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
)

func TestVerify(t *testing.T) {
	m := model()
	m.Graph.Initializer[0].FloatData[0] = float32(math.NaN())
	data := encode(t, m)
	tests := []struct {
		name string
		edit func(g *graph.Graph)
		want string // "" where it still agrees
	}{
		{"nothing", func(g *graph.Graph) {}, ""},
		{"inferred shape", func(g *graph.Graph) { g.Nodes[0].Outputs[0].Shape = graph.Dims(2) }, ""},
		{"name", func(g *graph.Graph) { g.Name = "other" }, `graph: name "g", want "other"`},
		{"opset", func(g *graph.Graph) { g.Opsets[""] = 18 }, "opsets"},
		{"weight", func(g *graph.Graph) { g.Initializers[0].Const = graph.FromFloat32([]int{2}, []float32{1, 3}) },
			`initializer "w"`},
		{"weight's shape", func(g *graph.Graph) { g.Initializers[0].Const = g.Initializers[0].Const.Reshaped(1, 2) },
			`initializer "w"`},
		{"input's shape", func(g *graph.Graph) { g.Inputs[0].Shape = graph.Dims(3) }, "input 0"},
		{"output", func(g *graph.Graph) { g.Outputs[0] = g.Nodes[0].Outputs[0] }, "output 0"},
		{"fewer nodes", func(g *graph.Graph) { g.Nodes = g.Nodes[:1] }, "2 nodes, want 1"},
		{"op", func(g *graph.Graph) { g.Nodes[1].Op = "Abs" }, `node "relu" (Abs): is "relu" (Relu)`},
		{"wiring", func(g *graph.Graph) { g.Nodes[1].Inputs[0] = g.Inputs[0] },
			`node "relu" (Relu): reads ["s"], want ["x"]`},
		{"attribute", func(g *graph.Graph) { g.Nodes[1].Attrs["axis"] = int64(1) }, `attribute "axis"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := mustImport(t, data, importer.Options{})
			test.edit(g)
			err := importer.Verify(data, importer.Options{}, g)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

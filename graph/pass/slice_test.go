package pass_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// newPlain builds a graph as an importer gives it: in the forms of an old opset, without inferred shapes.
func newPlain(opset int64) *model {
	g := graph.New("plain")
	g.Opsets[""] = opset
	return &model{graph.NewBuilder(g, func(*graph.Node) error { return nil }), rand.New(rand.NewPCG(1, 2))}
}

func TestSliceOldOpsets(t *testing.T) {
	batch := graph.Shape{graph.Sym("batch"), graph.D(3), graph.D(4), graph.D(4)}
	conv := func(m *model, x *graph.Value, in, out int) *graph.Value {
		return m.Op("Conv", graph.Attrs{"kernel_shape": []int64{3, 3}, "pads": []int64{1, 1, 1, 1}}, x,
			m.weight("w", out, in, 3, 3))
	}
	tests := []struct {
		name  string
		opset int64
		build func(m *model, x *graph.Value) *graph.Value
		want  string // of the dump of a student with half of each group
	}{
		{"operand aligned by an attribute", 6, func(m *model, x *graph.Value) *graph.Value {
			x = m.Op("Add", graph.Attrs{"broadcast": int64(1), "axis": int64(1)}, conv(m, x, 3, 8), m.weight("bias", 8))
			return conv(m, x, 8, 2)
		}, "const  bias:float32[4]"},
		{"split by an attribute", 9, func(m *model, x *graph.Value) *graph.Value {
			parts := m.Ops("Split", 2, graph.Attrs{"axis": int64(1), "split": []int64{2, 6}}, conv(m, x, 3, 8))
			return m.Op("Add", nil, conv(m, parts[0], 2, 2), conv(m, parts[1], 6, 2))
		}, "split=[1 3]"},
		{"squeeze by an attribute", 9, func(m *model, x *graph.Value) *graph.Value {
			x = m.Op("GlobalAveragePool", nil, conv(m, x, 3, 8))
			return m.Op("MatMul", nil, m.Op("Squeeze", graph.Attrs{"axes": []int64{2, 3}}, x), m.weight("v", 8, 2))
		}, "const  v:float32[4,2]"},
		{"depthwise", 9, func(m *model, x *graph.Value) *graph.Value {
			x = m.Op("Conv", graph.Attrs{"group": int64(8)}, conv(m, x, 3, 8), m.weight("depthwise", 8, 1, 3, 3))
			return conv(m, x, 8, 2)
		}, "group=4"},
		{"reshape by a constant node", 9, func(m *model, x *graph.Value) *graph.Value {
			to := m.Op("Constant", graph.Attrs{"value": graph.Ints(-1, 128)})
			return m.Op("MatMul", nil, m.Op("Reshape", nil, conv(m, x, 3, 8), to), m.weight("v", 128, 2))
		}, "const  Constant:int64[2]=[-1 64]"},
		{"reshape that needs no edit", 9, func(m *model, x *graph.Value) *graph.Value {
			return m.Op("MatMul", nil, m.Op("Reshape", nil, conv(m, x, 3, 8), m.Ints(0, -1)), m.weight("v", 128, 2))
		}, "const  ints:int64[2]=[0 -1]"},
		{"weight filled by its shape", 9, func(m *model, x *graph.Value) *graph.Value {
			w := m.Op("ConstantOfShape", graph.Attrs{"value": graph.FromFloat32([]int{1}, []float32{0.5})}, m.Ints(2, 8, 1, 1))
			return m.Op("Conv", nil, conv(m, x, 3, 8), w)
		}, "const  ConstantOfShape:float32[2,4,1,1]"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			m := newPlain(c.opset)
			m.Output(c.build(m, m.Input("x", graph.Float32, batch)))
			if err := m.Graph().Check(); err != nil {
				t.Fatal(err)
			}
			before := dump(t, m.Graph())
			gs, err := pass.Channels(m.Graph(), pass.Binding{Batch: 1})
			if err != nil {
				t.Fatal(err)
			}
			checkSlices(t, gs)
			s, err := gs.Slice(halves(gs))
			if err != nil {
				t.Fatal(err)
			}
			if got := dump(t, s.Graph); !strings.Contains(got, c.want) {
				t.Errorf("the student is\n%swant %s in it", got, c.want)
			}
			if dump(t, m.Graph()) != before {
				t.Error("the source has changed")
			}
		})
	}
}

// halves keeps the odd channels of every group.
func halves(gs *pass.Groups) [][]int {
	keep := make([][]int, len(gs.List))
	for i, group := range gs.List {
		for channel := 1; channel < group.Channels; channel += 2 {
			keep[i] = append(keep[i], channel)
		}
	}
	return keep
}

func dump(t *testing.T, g *graph.Graph) string {
	t.Helper()
	var s strings.Builder
	if err := g.Dump(&s); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

func TestSlicedKeepsTheSource(t *testing.T) {
	m := newModel(op.Opset)
	x := m.relu(m.conv(m.image(3), 8))
	unread := m.Op("Sigmoid", nil, x)
	m.head(m.conv(x, 6))
	for i, n := range m.Graph().Nodes {
		n.Origin = i
	}
	gs, err := pass.Channels(m.Graph(), pass.Binding{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := gs.Slice(halves(gs))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Graph.Nodes) != len(m.Graph().Nodes) || s.Graph.ByName()[unread.Name] == nil {
		t.Errorf("%d nodes of %d are left: one that nothing reads stays, too", len(s.Graph.Nodes), len(m.Graph().Nodes))
	}
	for i, n := range s.Graph.Nodes {
		if n.Origin != i {
			t.Errorf("node %q has origin %v, want %d", n.Name, n.Origin, i)
		}
	}
	for name, want := range map[string]string{"Conv": "[[] [1 3 5 7] [] []]", "w_1": "[[1 3 5] [1 3 5 7] [] []]",
		"b": "[[1 3 5 7]]"} {
		if got := fmt.Sprint(s.Kept[name]); got != want {
			t.Errorf("of %q %s is kept, want %s", name, got, want)
		}
	}
	if s.Kept["x"] != nil || s.Kept["Gemm"] != nil {
		t.Error("an input or output has shrunk")
	}
}

func TestSliceRefuses(t *testing.T) {
	m := newModel(op.Opset)
	m.head(m.conv(m.image(3), 4))
	gs, err := pass.Channels(m.Graph(), pass.Binding{})
	if err != nil {
		t.Fatal(err)
	}
	for name, keep := range map[string][][]int{
		"no lists": nil, "nothing left": {{}}, "falling": {{1, 0}}, "twice": {{1, 1}}, "outside": {{4}}, "negative": {{-1}},
	} {
		if _, err := gs.Slice(keep); err == nil {
			t.Errorf("%s: keep %v is accepted", name, keep)
		}
	}
}

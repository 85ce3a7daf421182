package pass_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// halfGraph is x·w + 1 with a constant in a node, cast to float16 at the end; w is of float16, too.
func halfGraph(t *testing.T) *graph.Graph {
	t.Helper()
	g := graph.New("halves")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	half := func(v ...float64) *graph.Tensor { return graph.FromValues(graph.Float16, []int{len(v)}, v) }
	x := b.Input("x", graph.Float16, graph.Dims(2))
	y := b.Op("Mul", nil, x, b.Const("w", half(0.5, 3)))
	y = b.Op("Add", nil, y, b.Op("Constant", graph.Attrs{"value": half(1, 1)}))
	b.Output(b.Op("Cast", graph.Attrs{"to": int64(graph.Float16)}, b.Op("Cast", graph.Attrs{"to": int64(graph.Float64)},
		y)))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestWiden(t *testing.T) {
	g := halfGraph(t)
	wide := pass.Widen(g)
	if err := pass.Infer(wide); err != nil {
		t.Fatal(err)
	}
	for _, v := range wide.Values() {
		if v.DType == graph.Float16 || v.Const != nil && v.Const.DType == graph.Float16 {
			t.Errorf("%s is %v", v.Name, v.DType)
		}
	}
	got, err := pass.Eval(wide, map[string]*graph.Tensor{"x": graph.FromFloat32([]int{2}, []float32{4, 5})})
	if err != nil {
		t.Fatal(err)
	}
	if y := got[wide.Outputs[0].Name].Values(); y[0] != 3 || y[1] != 16 {
		t.Errorf("%v, want 3 and 16", y)
	}
	if pass.Widen(wide) != wide {
		t.Error("a graph without 16-bit floats was copied")
	}
}

func TestNarrow(t *testing.T) {
	g := halfGraph(t)
	wide := pass.Widen(g)
	wide.ByName()["w"].Const = graph.FromFloat32([]int{2}, []float32{0.25, 1.0 / 3})
	narrow := pass.Narrow(wide, g)
	for _, v := range narrow.Values() {
		if was := g.ByName()[v.Name]; v.DType != was.DType {
			t.Errorf("%s is %v, was %v", v.Name, v.DType, was.DType)
		}
	}
	for i, n := range narrow.Nodes {
		if n.Int("to", 0) != g.Nodes[i].Int("to", 0) || n.Op == "Constant" && n.Tensor("value").DType != graph.Float16 {
			t.Errorf("node %s: %v, was %v", n.Name, n.Attrs, g.Nodes[i].Attrs)
		}
	}
	// a third in 11 bits
	if w := narrow.ByName()["w"].Const; w.DType != graph.Float16 || w.Values()[0] != 0.25 ||
		w.Values()[1] != 0.333251953125 {
		t.Errorf("w is %v %v", w, w.Values())
	}
}

func TestDecides(t *testing.T) {
	g := graph.New("decides")
	b := op.NewBuilder(g)
	x := b.Input("x", graph.Float32, graph.Dims(2, 3))
	scores := b.Op("MatMul", nil, x, b.Const("w", graph.NewTensor(graph.Float32, 3, 4)))
	class := b.Op("Cast", graph.Attrs{"to": int64(graph.Int32)}, b.Op("ArgMax", graph.Attrs{"axis": int64(1)}, scores))
	shape := b.Op("Shape", nil, x)
	b.Output(scores, class, shape)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]*graph.Value{{scores}, {scores}, nil} {
		got := pass.Decides(g, g.Outputs[i])
		if len(got) != len(want) || len(got) == 1 && got[0] != want[0] {
			t.Errorf("%s: %v, want %v", g.Outputs[i].Name, got, want)
		}
	}
}

package graph

import (
	"strings"
	"testing"
)

// small is y = Relu(x + w), and z = Neg(y), without inference.
func small() *Graph {
	g := New("small")
	g.Opsets[""] = 17
	b := NewBuilder(g, func(n *Node) error {
		n.Outputs[0].DType, n.Outputs[0].Shape = n.Inputs[0].DType, n.Inputs[0].Shape
		return nil
	})
	x := b.Input("x", Float32, Shape{Sym("batch"), D(2)})
	y := b.Op("Relu", nil, b.Op("Add", nil, x, b.Const("w", FromFloat32([]int{2}, []float32{1, 2}))))
	b.Output(b.Op("Neg", Attrs{"alpha": float32(2)}, y))
	return g
}

func dump(g *Graph) string {
	var s strings.Builder
	if err := g.Dump(&s); err != nil {
		panic(err)
	}
	return s.String()
}

func TestDump(t *testing.T) {
	want := `graph "small" ""=17
input  x:float32[batch,2]
const  w:float32[2]
       Add:float32[batch,2] = Add(x, w)
       Relu:float32[batch,2] = Relu(Add)
       Neg:float32[batch,2] = Neg(Relu) alpha=2
output Neg
`
	if got := dump(small()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestCloneIsApart(t *testing.T) {
	g := small()
	before := dump(g)
	c, to := g.Clone()
	if dump(c) != before {
		t.Errorf("the copy differs:\n%s", dump(c))
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	for old, v := range to {
		if old == v {
			t.Errorf("%q is shared", v.Name)
		}
	}
	c.Nodes[0].Op, c.Nodes[2].Attrs["alpha"], c.Inputs[0].Shape[0] = "Sub", float32(3), D(7)
	c.Replace(c.Nodes[1].Outputs[0], c.Inputs[0])
	if dump(g) != before {
		t.Errorf("a change of the copy shows in the original:\n%s", dump(g))
	}
}

func TestCheckFindsEveryFault(t *testing.T) {
	if err := small().Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want  string
		spoil func(g *Graph)
	}{
		{"the name is given twice", func(g *Graph) { g.Nodes[0].Outputs[0].Name = "x" }},
		{"without a name", func(g *Graph) { g.Inputs[0].Name = "" }},
		{"before it is produced", func(g *Graph) { g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0] }},
		{"before it is produced", func(g *Graph) { g.Nodes[0].Inputs[0] = g.Nodes[2].Outputs[0] }}, // a cycle
		{"its producer is not", func(g *Graph) { g.Nodes[0].Outputs[0].Producer = g.Nodes[1] }},
		{"has no tensor", func(g *Graph) { g.Initializers[0].Const = nil }},
		{"declared", func(g *Graph) { g.Initializers[0].Shape = Dims(3) }},
		{"has no op", func(g *Graph) { g.Nodes[0].Op = "" }},
		{"has type", func(g *Graph) { g.Nodes[2].Attrs["alpha"] = 2 }},
		{"is not produced", func(g *Graph) { g.Outputs[0] = &Value{Name: "other"} }},
	} {
		g := small()
		c.spoil(g)
		if err := g.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		axis int64
		rank int
		want int
		ok   bool
	}{{0, 2, 0, true}, {-1, 2, 1, true}, {2, 2, 2, false}, {-3, 2, -1, false}, {0, 0, 0, false}} {
		if got, ok := Axis(c.axis, c.rank); got != c.want || ok != c.ok {
			t.Errorf("Axis(%d, %d) = %d, %v", c.axis, c.rank, got, ok)
		}
	}
}

func TestUnknownExtentsAreNotEqual(t *testing.T) {
	if Unknown.Equal(Unknown) || !Sym("n").Equal(Sym("n")) || Sym("n").Equal(D(1)) {
		t.Error("extents are compared wrongly")
	}
	if (Shape{Unknown}).Equal(Shape{Unknown}) || Shape(nil).Equal(nil) || !(Shape{}).Equal(Shape{}) {
		t.Error("shapes are compared wrongly")
	}
}

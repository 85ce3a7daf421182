package models_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/models"
)

// deep is a chain of residual blocks x + g·conv(conv(x)), behind a stem; g of each is given.
func deep(gains ...float64) *graph.Graph {
	g := graph.New("deep")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	random := rand.New(rand.NewPCG(7, 8))
	conv := func(name string, x *graph.Value, out int, gain float64) *graph.Value {
		in := x.Shape[1].Size
		data := make([]float64, out*in*9)
		for i := range data {
			data[i] = gain * random.NormFloat64() * math.Sqrt(2/float64(in*9))
		}
		v := b.Op("Conv", graph.Attrs{"pads": []int64{1, 1, 1, 1}}, x,
			b.Const(name, graph.FromValues(graph.Float32, []int{out, in, 3, 3}, data)))
		v.Producer.Name = name
		return v
	}
	x := b.Input("x", graph.Float32, graph.Shape{graph.Sym("N"), graph.D(3), graph.D(6), graph.D(6)})
	v := b.Op("Relu", nil, conv("stem", x, 16, 1))
	for i, gain := range gains {
		inner := b.Op("Relu", nil, conv(fmt.Sprintf("block%d.a", i), v, 16, 1))
		sum := b.Op("Add", nil, v, conv(fmt.Sprintf("block%d.b", i), inner, 16, gain))
		sum.Producer.Name = fmt.Sprintf("block%d", i)
		v = b.Op("Relu", nil, sum)
	}
	v = b.Op("Flatten", nil, b.Op("GlobalAveragePool", nil, v))
	b.Output(b.Op("Gemm", nil, v, b.Const("head", graph.FromValues(graph.Float32, []int{16, 4}, make([]float64, 64)))))
	if err := b.Err(); err != nil {
		panic(err)
	}
	return g
}

// apart is a divergence that adds up the squares of gains of the blocks that a student of deep lacks, on top of one
// that it always has.
func apart(gains ...float64) func(*graph.Graph) (float64, error) {
	return func(student *graph.Graph) (float64, error) {
		sum := 3.0
		for i, gain := range gains {
			if !slices.ContainsFunc(student.Nodes, func(n *graph.Node) bool { return n.Name == fmt.Sprintf("block%d", i) }) {
				sum += gain * gain
			}
		}
		return sum, nil
	}
}

// onData gives values of a graph on random inputs.
func onData(t *testing.T, g *graph.Graph) func([]string) (map[string]*graph.Tensor, error) {
	t.Helper()
	return func(names []string) (map[string]*graph.Tensor, error) {
		a, err := pass.Analyse(g, pass.Binding{Batch: 4})
		if err != nil {
			return nil, err
		}
		values := a.ByName()
		a.Outputs = nil
		for _, name := range names {
			a.Outputs = append(a.Outputs, values[name])
		}
		random := rand.New(rand.NewPCG(9, 10))
		in := graph.NewTensor(graph.Float32, 4, 3, 6, 6)
		for i := range in.Float32s() {
			in.Float32s()[i] = float32(random.NormFloat64())
		}
		return pass.Eval(a, map[string]*graph.Tensor{"x": in})
	}
}

func TestDepth(t *testing.T) {
	g := deep(1, 0.01, 0.5, 0.001)
	o := models.Options{Shrink: models.Depth, Activations: onData(t, g), Divergence: apart(1, 0.01, 0.5, 0.001)}
	for text, want := range map[string][]string{
		"macs=0.99x": {"block3"},
		"macs=0.6x":  {"block3", "block1"},
		"macs=0.4x":  {"block3", "block1", "block2"},
	} {
		s := generate(t, g, text, o)
		var removed []string
		for _, b := range s.Removed {
			removed = append(removed, b.Node)
			if b.MACs != 2*16*16*9*36 {
				t.Errorf("%s has %d MACs", b.Node, b.MACs)
			}
		}
		if fmt.Sprint(removed) != fmt.Sprint(want) {
			t.Errorf("%s leaves out %v, want %v", text, removed, want)
		}
		if _, met := s.Check(s.After.MACs, s.After.Params, s.After.Bytes, 0, 0); !met {
			t.Errorf("%s is not met: %s", text, s.Reached())
		}
		if s.Before.MACs != generate(t, g, "macs=1x", models.Options{}).Before.MACs {
			t.Errorf("%s: the teacher is counted as %d MACs", text, s.Before.MACs)
		}
		if len(s.Graph.Inputs) != 1 || len(s.Graph.Outputs) != 1 || s.Graph.Check() != nil {
			t.Errorf("%s: the student is no whole graph", text)
		}
		for i, n := range s.Graph.Nodes {
			if n.Op == "Relu" && n.Inputs[0].Producer.Op == "Relu" {
				t.Errorf("%s: node %d is a Relu of a Relu", text, i)
			}
		}
		if l := s.Lineage["head"]; l.Teacher != "head" {
			t.Errorf("%s: lineage of the last weight is %+v", text, l)
		}
	}
	o.Binding = batchOfOne
	if _, err := models.Generate(g, budget(t, "macs=0.01x"), o); !errors.Is(err, models.ErrInfeasible) {
		t.Errorf("a budget below the stem's gives %v", err)
	}
	if _, err := models.Generate(teacher(), budget(t, "macs=0.1x"),
		models.Options{Binding: batchOfOne, Shrink: models.Depth}); err == nil {
		t.Error("depth without data is taken")
	}
}

// TestStandsIn: what is read in the place of a block's output counts as that in the lineage, over several blocks, too.
func TestStandsIn(t *testing.T) {
	g := deep(1, 0.01, 0.01, 1)
	s := generate(t, g, "macs=0.6x", models.Options{Shrink: models.Depth, Activations: onData(t, g),
		Divergence: apart(1, 0.01, 0.01, 1)})
	output := func(g *graph.Graph, name string) string {
		for _, n := range g.Nodes {
			if n.Name == name {
				return n.Outputs[0].Name
			}
		}
		return ""
	}
	var activations []string // of the blocks' sums
	for i := range 4 {
		for _, n := range g.Nodes {
			if n.Op == "Relu" && n.Inputs[0].Name == output(g, fmt.Sprintf("block%d", i)) {
				activations = append(activations, n.Outputs[0].Name)
			}
		}
	}
	l := s.Lineage[activations[0]]
	for _, i := range []int{1, 2} {
		if !slices.Contains(l.Instead, activations[i]) || !slices.Contains(l.Instead, output(g, fmt.Sprintf("block%d", i))) {
			t.Errorf("%s stands in the place of %v, not of block %d", activations[0], l.Instead, i)
		}
	}
	if l.Teacher != activations[0] || len(l.Channels()) != 16 || len(s.Lineage[activations[3]].Instead) > 0 {
		t.Errorf("lineage %+v, and %+v of a block that is left", l, s.Lineage[activations[3]])
	}
}

// TestBoth: the number of blocks is the one whose student is nearest to the teacher.
func TestBoth(t *testing.T) {
	g := deep(1, 0.01, 0.5, 0.001)
	for nearest := range 4 {
		o := models.Options{Shrink: models.Both, Activations: onData(t, g)}
		o.Divergence = func(student *graph.Graph) (float64, error) {
			left := 0
			for _, n := range student.Nodes {
				if n.Op == "Add" {
					left++
				}
			}
			far, err := apart(1, 0.01, 0.5, 0.001)(student)
			return math.Abs(float64(4-nearest-left)) + far/100, err
		}
		s := generate(t, g, "macs=0.3x", o)
		if len(s.Removed) != nearest {
			t.Errorf("%d blocks are left out, and the student without %d is the nearest", len(s.Removed), nearest)
		}
		if s.After.MACs > int64(0.3*float64(s.Before.MACs)) {
			t.Errorf("the student has %d MACs of %d", s.After.MACs, s.Before.MACs)
		}
		o.LeastCuts = 2
		if s = generate(t, g, "macs=0.3x", o); len(s.Removed) != max(nearest, 2) {
			t.Errorf("%d blocks are left out: two are to go, and the student without %d is the nearest", len(s.Removed),
				nearest)
		}
	}
	o := models.Options{Shrink: models.Both, LeastCuts: 9, Activations: onData(t, g),
		Divergence: apart(1, 0.01, 0.5, 0.001)}
	budget, err := models.ParseBudget("macs=0.3x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := models.Generate(g, budget, o); !errors.Is(err, models.ErrInfeasible) {
		t.Errorf("nine blocks of four are left out: %v", err)
	}
}

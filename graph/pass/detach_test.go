package pass_test

import (
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// tailed is y = relu(x·w), and of it a tail of an op that nobody knows, which reads w and inputs of its own, too:
// decide(y, w, limit > 0, state).
func tailed() *graph.Graph {
	g := graph.New("tailed")
	g.Opsets[""], g.Opsets["own"] = 21, 1
	value := func(name string, dims ...int) *graph.Value {
		return &graph.Value{Name: name, DType: graph.Float32, Shape: graph.Dims(dims...)}
	}
	x, limit, state, w, zero := value("x", 1, 2), value("limit", 1), value("state", 3), value("w", 2, 2), value("zero", 1)
	w.Const, zero.Const = graph.FromFloat32([]int{2, 2}, []float32{1, 2, 3, 4}), graph.FromFloat32([]int{1}, []float32{0})
	node := func(name, op, domain string, in ...*graph.Value) *graph.Value {
		n := &graph.Node{Name: name, Op: op, Domain: domain, Inputs: in}
		n.Outputs = []*graph.Value{{Name: name, DType: graph.Float32, Producer: n}}
		g.Nodes = append(g.Nodes, n)
		return n.Outputs[0]
	}
	above := node("above", "Greater", "", limit, zero)
	h := node("h", "MatMul", "", x, w)
	y := node("y", "Relu", "", h)
	tail := node("tail", "decide", "own", y, w, above, state)
	after := node("after", "Neg", "", tail)
	g.Inputs, g.Initializers = []*graph.Value{x, limit, state}, []*graph.Value{w, zero}
	g.Outputs = []*graph.Value{after, h}
	return g
}

func namesOf[T *graph.Value | *graph.Node](list []T) (names []string) {
	for _, v := range list {
		switch v := any(v).(type) {
		case *graph.Value:
			names = append(names, v.Name)
		case *graph.Node:
			names = append(names, v.Name)
		}
	}
	return names
}

func checkNames[T *graph.Value | *graph.Node](t *testing.T, what string, got []T, want ...string) {
	t.Helper()
	if names := namesOf(got); !slices.Equal(names, want) {
		t.Errorf("%s: %q, want %q", what, names, want)
	}
}

func TestDetach(t *testing.T) {
	whole := tailed()
	part, unknown := pass.Detach(whole)
	checkNames(t, "unknown", unknown, "tail")
	checkNames(t, "nodes", part.Nodes, "h", "y")
	checkNames(t, "inputs", part.Inputs, "x")
	checkNames(t, "initializers", part.Initializers, "w")
	checkNames(t, "outputs", part.Outputs, "h", "y")
	checkNames(t, "nodes of the whole", whole.Nodes, "above", "h", "y", "tail", "after")

	same := pass.Attach(part, whole)
	checkNames(t, "attached: nodes", same.Nodes, "above", "h", "y", "tail", "after")
	checkNames(t, "attached: inputs", same.Inputs, "x", "limit", "state")
	checkNames(t, "attached: outputs", same.Outputs, "after", "h")
	if all := namesOf(same.Initializers); len(all) != 2 {
		t.Errorf("attached: initializers %q, want those of the whole", all)
	}
}

// A weight that the tail reads, too, stays for the tail what it was, and a name that the student has given away is the
// tail's again.
func TestAttachToAnother(t *testing.T) {
	whole := tailed()
	part, _ := pass.Detach(whole)
	trained := graph.FromFloat32([]int{2, 2}, []float32{5, 6, 7, 8})
	part.Initializers[0].Const = trained
	b := graph.NewBuilder(part, func(*graph.Node) error { return nil })
	y := part.Outputs[1]
	y.Producer.Inputs[0] = b.Op("Neg", nil, part.Outputs[0])
	part.Nodes[1], part.Nodes[2] = part.Nodes[2], part.Nodes[1]
	y.Producer.Inputs[0].Name = "tail"

	joined := pass.Attach(part, whole)
	values := joined.ByName()
	if len(values) != len(joined.Values()) {
		t.Error("two values have one name")
	}
	tail := values["tail"].Producer
	if tail.OpName() != "own.decide" || tail.Inputs[0] != values["y"] {
		t.Errorf("the tail is %s of %q", tail.OpName(), tail.Inputs[0].Name)
	}
	if w := tail.Inputs[1]; w == values["w"] || w.Const != whole.Initializers[0].Const || values["w"].Const != trained {
		t.Errorf("the tail reads %q %v, the student %v", w.Name, w.Const.Values(), values["w"].Const.Values())
	}
}

// Where the rest would make no sense by itself the model stays whole.
func TestDetachNothing(t *testing.T) {
	known := calling()
	if part, unknown := pass.Detach(known); part != known || unknown != nil {
		t.Error("a model of known ops, some in functions, is taken apart")
	}
	quantised := tailed()
	quantised.Nodes[3].Op, quantised.Nodes[3].Domain = "QLinearMatMul", ""
	if part, unknown := pass.Detach(quantised); part != quantised || unknown != nil {
		t.Error("a quantised model is taken apart")
	}
	unknown := calling()
	unknown.Functions[1].Nodes[0].Op = "decide"
	if part, nodes := pass.Detach(unknown); len(nodes) != 2 || len(part.Nodes) != 0 {
		t.Errorf("a function of unknown ops: %q are unknown, %q are left", namesOf(nodes), namesOf(part.Nodes))
	}
}

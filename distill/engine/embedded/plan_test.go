package embedded

import (
	"slices"
	"testing"

	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestOperationsAreInTheOpTable(t *testing.T) {
	for k := range operations {
		if op.Lookup(k.domain, k.op) == nil {
			t.Errorf("%v is not in the op table", k)
		}
	}
}

// TestPlanSharesMemory runs down a chain of n values of one size: two are alive at a time, or one where ops work in
// place.
func TestPlanSharesMemory(t *testing.T) {
	chain := func(name string) *graph.Graph {
		b := op.NewBuilder(graph.New(name))
		v := b.Input("x", graph.Float32, graph.Dims(1000))
		for range 20 {
			in := []*graph.Value{v}
			if name == "Expand" {
				in = append(in, b.Ints(1000))
			}
			v = b.Op(name, nil, in...)
		}
		b.Output(v)
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		return b.Graph()
	}
	for name, tensors := range map[string]int64{"Relu": 2, "Identity": 1, "Expand": 3} {
		if got := newPlan(chain(name)).bytes; got != tensors*4000 {
			t.Errorf("20 × %s take %d bytes, want %d tensors of 4000", name, got, tensors)
		}
	}
}

// TestPlanKeepsLiveValuesApart checks, on a whole training step, that no instruction writes memory that holds
// something still to be read.
func TestPlanKeepsLiveValuesApart(t *testing.T) {
	step, _, err := enginetest.TrainingStep(New().Native(), 4, 8, 4)
	if err != nil {
		t.Fatal(err)
	}
	g := step.Graph
	if err := join(g); err != nil {
		t.Fatal(err)
	}
	p := newPlan(g)
	holder := map[uintptr]*graph.Value{} // what each memory holds
	for _, v := range slices.Concat(g.Inputs, g.Initializers) {
		holder[address(p.tensors[v])] = v
	}
	current := func(v *graph.Value) bool {
		h := holder[address(p.tensors[v])]
		for v != h && v.Producer != nil && isView(v.Producer) {
			v = v.Producer.Inputs[0]
		}
		return v == h
	}
	for _, n := range g.Nodes {
		for _, v := range n.Reads() {
			if !current(v) {
				t.Fatalf("node %q reads %q, whose memory holds %q", n.Name, v.Name, holder[address(p.tensors[v])].Name)
			}
		}
		for _, v := range n.Outputs {
			if v != nil && !isView(n) {
				holder[address(p.tensors[v])] = v
			}
		}
	}
	for _, v := range slices.Concat(g.Outputs, g.Inputs) {
		if !current(v) {
			t.Errorf("at the end the memory of %q holds another value", v.Name)
		}
	}
	var apart int64
	for _, v := range g.Values() {
		if v.Const == nil {
			apart += p.tensors[v].Bytes()
		}
	}
	if p.bytes > apart*2/3 {
		t.Errorf("%d bytes for values of %d", p.bytes, apart)
	}
}

package ort

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// sessionGraph copies a step's graph, whose macro ops are all lowered, into the form that a session takes: the inputs
// are the feeds, then the state as the step lists it; the outputs are the results, then the next values of the state
// that has one. All have axes, every output is computed by a node of its own, and there is at least one of each.
func sessionGraph(g *graph.Graph, signature *engine.Signature, state []engine.Carry) (_ *graph.Graph, err error) {
	g, _ = g.Clone()
	g.Origin = nil // the file it came from may be of an IR version that ONNX Runtime does not know yet
	b := op.NewBuilder(g)
	defer b.Guard(&err)
	in, out := map[string]*graph.Value{}, map[string]*graph.Value{}
	for _, v := range g.Inputs {
		in[v.Name] = v
	}
	for _, v := range g.Outputs {
		out[v.Name] = v
	}
	nodes := g.Nodes
	g.Inputs, g.Outputs, g.Nodes = nil, nil, nil
	input := func(name string) {
		v := in[name]
		if len(v.Shape) > 0 {
			g.Inputs = append(g.Inputs, v)
			return
		}
		v.Producer = &graph.Node{Name: v.Name, Op: "Reshape", Outputs: []*graph.Value{v},
			Inputs: []*graph.Value{b.Input(v.Name+" [1]", v.DType, graph.Dims(1)), b.Const("rank 0", graph.Ints())}}
		g.Nodes = append(g.Nodes, v.Producer)
	}
	for _, v := range signature.Feeds {
		input(v.Name)
	}
	for _, c := range state {
		input(c.In)
	}
	g.Nodes = append(g.Nodes, nodes...)
	listed := map[*graph.Value]bool{}
	output := func(name string) {
		v := out[name]
		switch {
		case len(v.Shape) == 0:
			b.Output(b.Op("Reshape", nil, v, b.Ints(1)))
		case v.Producer == nil || listed[v]:
			b.Output(b.Op("Identity", nil, v))
		default:
			b.Output(v)
		}
		listed[v] = true
	}
	for _, v := range signature.Results {
		output(v.Name)
	}
	for _, c := range state {
		if c.Out != "" {
			output(c.Out)
		}
	}
	if len(g.Inputs) == 0 || len(g.Outputs) == 0 {
		b.Output(b.Op("Identity", nil, b.Input("nothing", graph.Float32, graph.Dims(1))))
	}
	tellApart(g.Nodes)
	runInOrder(g)
	return g, b.Err()
}

// tellApart numbers nodes of one name, which those have that were lowered from one, and which ONNX Runtime refuses.
func tellApart(nodes []*graph.Node) {
	named := map[string]int{}
	for _, n := range nodes {
		if named[n.Name]++; named[n.Name] > 1 {
			n.Name = fmt.Sprintf("%s #%d", n.Name, named[n.Name])
		}
	}
}

// single is a model of one node of g, for finding out whether it can be run. Constants stay constants.
func single(g *graph.Graph, n *graph.Node) *graph.Graph {
	one := graph.New(n.Name)
	one.Opsets = g.Opsets
	copied := &graph.Node{Name: n.Name, Op: n.Op, Domain: n.Domain, Attrs: n.Attrs}
	for i, v := range n.Inputs {
		switch {
		case v == nil:
			copied.Inputs = append(copied.Inputs, nil)
		case slices.Index(n.Inputs, v) < i:
			copied.Inputs = append(copied.Inputs, copied.Inputs[slices.Index(n.Inputs, v)])
		default:
			w := &graph.Value{Name: v.Name, DType: v.DType, Shape: v.Shape, Const: v.Const}
			if copied.Inputs = append(copied.Inputs, w); v.Const != nil {
				one.Initializers = append(one.Initializers, w)
			} else {
				one.Inputs = append(one.Inputs, w)
			}
		}
	}
	for _, v := range n.Outputs {
		if v == nil {
			copied.Outputs = append(copied.Outputs, nil)
			continue
		}
		w := &graph.Value{Name: v.Name, DType: v.DType, Shape: v.Shape, Producer: copied}
		copied.Outputs = append(copied.Outputs, w)
		one.Outputs = append(one.Outputs, w)
	}
	one.Nodes = []*graph.Node{copied}
	return one
}

// kind tells nodes apart that an engine may treat differently.
func kind(n *graph.Node) string {
	k := n.OpName()
	for _, v := range slices.Concat(n.Inputs, n.Outputs) {
		if v != nil {
			k += fmt.Sprintf(" %v%d", v.DType, len(v.Shape))
		}
	}
	return k
}

package models

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Cuttable is how many blocks and layers a network might do without.
func Cuttable(teacher *graph.Graph, bind pass.Binding) (int, error) {
	g, err := pass.Analyse(teacher, bind)
	if err != nil {
		return 0, fmt.Errorf("models: %w", err)
	}
	return len(findCuts(g)), nil
}

// findCuts lists the parts that a network can do without, in its order.
func findCuts(g *graph.Graph) []Cut {
	consumers := g.Consumers()
	var cuts []Cut
	for _, n := range g.Nodes {
		if in := skipped(g, n, consumers); in != nil {
			cuts = append(cuts, Cut{Node: pass.NodeName(n), in: in.Name, out: n.Outputs[0].Name})
		}
		if layer := mergeable(g, n, consumers); layer != nil {
			cuts = append(cuts, Cut{Node: pass.NodeName(layer), Into: pass.NodeName(n),
				in: layer.Inputs[0].Name, out: n.Inputs[0].Name, gives: n.Outputs[0].Name})
		}
	}
	return cuts
}

// skipped gives what a node adds something to that is made of it alone, by linear ops among others; nil where it does
// not.
func skipped(g *graph.Graph, n *graph.Node, consumers map[*graph.Value][]*graph.Node) *graph.Value {
	if n.OpName() != "Add" || slices.Contains(g.Outputs, n.Outputs[0]) {
		return nil
	}
	for i, in := range n.Inputs {
		if in.Const == nil && in.Shape.Equal(n.Outputs[0].Shape) && branches(g, n, n.Inputs[1-i], in, consumers) {
			return in
		}
	}
	return nil
}

// mergeable gives the layer in front of one that can take its work over: the input of both has one shape, what lies
// between is read by nothing else, and the second is linear in windows or positions of its input, with weights and an
// offset of its own.
func mergeable(g *graph.Graph, n *graph.Node, consumers map[*graph.Value][]*graph.Node) *graph.Node {
	if _, ok := newFit(g, n, consumers); !ok {
		return nil
	}
	x := n.Inputs[0]
	for v := x; v.Producer != nil; {
		layer := v.Producer
		var from *graph.Value
		for _, in := range layer.Reads() {
			if in.Const == nil {
				if from != nil {
					return nil
				}
				from = in
			}
		}
		if from == nil {
			return nil
		}
		if s := op.Of(layer); s != nil && s.MACs != nil {
			if from == layer.Inputs[0] && from.Shape.Equal(x.Shape) && branches(g, n, x, from, consumers) {
				return layer
			}
			return nil
		}
		v = from
	}
	return nil
}

// branches says whether a value is made of another one, by linear ops among others, and for one reader alone. What it
// is made of besides, such as a mask, may be read elsewhere.
func branches(g *graph.Graph, reader *graph.Node, from, root *graph.Value,
	consumers map[*graph.Value][]*graph.Node) bool {
	depends := map[*graph.Value]bool{root: true}
	for _, n := range g.Nodes {
		if slices.ContainsFunc(n.Reads(), func(v *graph.Value) bool { return depends[v] }) {
			for _, v := range n.Outputs {
				depends[v] = v != nil
			}
		}
	}
	if from == root || !depends[from] {
		return false
	}
	inside := map[*graph.Node]bool{}
	linear := false
	for ahead := []*graph.Value{from}; len(ahead) > 0; {
		v := ahead[len(ahead)-1]
		ahead = ahead[:len(ahead)-1]
		if v == root || !depends[v] || inside[v.Producer] {
			continue
		}
		n := v.Producer
		inside[n] = true
		s := op.Of(n)
		linear = linear || s != nil && s.MACs != nil
		ahead = append(ahead, n.Reads()...)
	}
	for n := range inside {
		for _, v := range n.Outputs {
			if v == nil {
				continue
			}
			if slices.Contains(g.Outputs, v) || slices.ContainsFunc(consumers[v], func(c *graph.Node) bool {
				return !inside[c] && c != reader
			}) {
				return false
			}
		}
	}
	return linear
}

package pass

import (
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Detach copies the part of an imported graph that can be run and trained, and lists the nodes that keep the rest from
// it: those with ops that the table does not have, and those that are named, see [NodeName]. They and all that depends
// on them are not in the copy, nor is what only they read. What they read of it are its outputs, after those of g's
// that are left. [Attach] puts the two together again. It gives g itself where there is no such node, and where the
// model is quantised, and so of another kind as a whole.
func Detach(g *graph.Graph, named ...string) (part *graph.Graph, unknown []*graph.Node) {
	unknown = unknownNodes(g, named)
	if len(unknown) == 0 || slices.ContainsFunc(unknown, op.Quantised) {
		return g, nil
	}
	runs, outputs := runnable(g, unknown)
	part, to := g.Clone()
	nodes := part.Nodes
	part.Nodes, part.Outputs = nil, nil
	for _, v := range outputs {
		part.Outputs = append(part.Outputs, to[v])
	}
	aside := map[*graph.Value]bool{} // inputs and initializers that nothing else reads
	for i, n := range g.Nodes {
		if runs[n] {
			part.Nodes = append(part.Nodes, nodes[i])
			continue
		}
		for _, v := range n.Reads() {
			aside[to[v]] = true
		}
	}
	for v := range part.Consumers() {
		delete(aside, v)
	}
	for _, v := range part.Outputs {
		delete(aside, v)
	}
	gone := func(v *graph.Value) bool { return aside[v] }
	part.Inputs = slices.DeleteFunc(part.Inputs, gone)
	part.Initializers = slices.DeleteFunc(part.Initializers, gone)
	return part, unknown
}

// runnable finds the nodes of the part that can be run, and its outputs: what g gives that depends on no unknown node,
// what can be trained of what other nodes read, and whatever else they read of the nodes that those need.
func runnable(g *graph.Graph, unknown []*graph.Node) (runs map[*graph.Node]bool, outputs []*graph.Value) {
	give := func(v *graph.Value) {
		if !slices.Contains(outputs, v) {
			outputs = append(outputs, v)
		}
	}
	frozen, depends := behind(g, unknown), weighted(g)
	for _, v := range g.Outputs {
		if !frozen[v.Producer] {
			give(v)
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Reads() {
			if frozen[n] && !frozen[v.Producer] && depends[v] && v.Producer != nil {
				give(v)
			}
		}
	}
	needed := map[*graph.Value]bool{}
	for _, v := range outputs {
		needed[v] = true
	}
	runs = map[*graph.Node]bool{}
	for _, n := range slices.Backward(g.Nodes) {
		if slices.ContainsFunc(n.Outputs, func(v *graph.Value) bool { return needed[v] }) {
			runs[n] = true
			for _, v := range n.Reads() {
				needed[v] = true
			}
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Reads() {
			if !runs[n] && runs[v.Producer] {
				give(v)
			}
		}
	}
	return runs, outputs
}

// weighted are the values that may depend on a weight through nodes that are not flat by nature.
func weighted(g *graph.Graph) map[*graph.Value]bool {
	depends := map[*graph.Value]bool{}
	isWeight := func(t *graph.Tensor) bool { return t != nil && isFloat(t.DType) && len(t.Dims) > 0 }
	for _, v := range g.Initializers {
		depends[v] = isWeight(v.Const)
	}
	for _, n := range g.Nodes {
		if s := op.Of(n); s != nil && s.NoGrad {
			continue
		}
		if isWeight(n.Tensor("value")) || slices.ContainsFunc(n.Reads(), func(v *graph.Value) bool { return depends[v] }) {
			for _, v := range n.Outputs {
				depends[v] = true
			}
		}
	}
	return depends
}

// Attach copies what was made of the part that [Detach] gave of whole, with the rest of whole as it is, where it was. A
// weight that both of them read, and that is not the same any more, is there twice then. named are the nodes that
// Detach was given.
func Attach(part, whole *graph.Graph, named ...string) *graph.Graph {
	joined, _ := part.Clone()
	have := joined.ByName()
	given := whole.ByName()
	free := func(name string) string {
		for have[name] != nil || given[name] != nil {
			name += "_"
		}
		return name
	}
	runs, _ := runnable(whole, unknownNodes(whole, named))
	now := map[*graph.Value]*graph.Value{}
	value := func(v *graph.Value) *graph.Value {
		if v == nil || now[v] != nil {
			return now[v]
		}
		was := have[v.Name]
		if was != nil && (v.Producer == nil || runs[v.Producer]) && (v.Const == nil || v.Const == was.Const) {
			now[v] = was
			return was
		}
		c := &graph.Value{Name: v.Name, DType: v.DType, Shape: v.Shape.Clone(), Const: v.Const, Origin: v.Origin}
		switch {
		case was != nil && v.Const != nil:
			c.Name = free(v.Name)
		case was != nil: // a name of the student's own
			was.Name = free(v.Name)
			have[was.Name] = was
		}
		if have[c.Name] = c; v.Const != nil {
			joined.Initializers = append(joined.Initializers, c)
		}
		now[v] = c
		return c
	}
	list := func(vs []*graph.Value) []*graph.Value {
		var all []*graph.Value
		for _, v := range vs {
			all = append(all, value(v))
		}
		return all
	}
	rest := joined.Nodes
	joined.Nodes = nil
	for _, n := range whole.Nodes {
		if runs[n] {
			at := slices.IndexFunc(rest, func(m *graph.Node) bool { return gives(m, n) })
			joined.Nodes, rest = append(joined.Nodes, rest[:at+1]...), rest[at+1:]
			continue
		}
		m := &graph.Node{Name: n.Name, Op: n.Op, Domain: n.Domain, Attrs: n.Attrs, Origin: n.Origin, Inputs: list(n.Inputs),
			Captures: list(n.Captures), Outputs: list(n.Outputs)}
		for _, v := range m.Outputs {
			if v != nil {
				v.Producer = m
			}
		}
		joined.Nodes = append(joined.Nodes, m)
	}
	joined.Nodes = append(joined.Nodes, rest...)
	joined.Inputs, joined.Outputs = list(whole.Inputs), list(whole.Outputs)
	return joined
}

// gives says whether one of a node's outputs has the name of one of another's.
func gives(m, n *graph.Node) bool {
	return slices.ContainsFunc(m.Outputs, func(v *graph.Value) bool {
		return v != nil && slices.ContainsFunc(n.Outputs, func(w *graph.Value) bool { return w != nil && w.Name == v.Name })
	})
}

// unknownNodes are those with ops that the table does not have, be it within a function, and those that are named.
func unknownNodes(g *graph.Graph, named []string) (unknown []*graph.Node) {
	for _, n := range g.Nodes {
		if !known(g, n, 0) || slices.Contains(named, NodeName(n)) {
			unknown = append(unknown, n)
		}
	}
	return unknown
}

func known(g *graph.Graph, n *graph.Node, depth int) bool {
	f := g.FunctionOf(n)
	if f == nil {
		return op.Of(n) != nil
	}
	return depth > maxCalls || !slices.ContainsFunc(f.Nodes, func(m graph.FunctionNode) bool {
		return !known(g, &graph.Node{Op: m.Op, Domain: m.Domain}, depth+1)
	})
}

// behind are some nodes and all that depends on them.
func behind(g *graph.Graph, some []*graph.Node) map[*graph.Node]bool {
	all := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if slices.Contains(some, n) || slices.ContainsFunc(n.Reads(), func(v *graph.Value) bool { return all[v.Producer] }) {
			all[n] = true
		}
	}
	return all
}

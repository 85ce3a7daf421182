package exporter

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/onnxpb"
)

// nodes encodes the nodes in the graph's order. Where all are there, reading and giving what they did when they were
// imported, it is the file's order, which the importer had to sort where it was not topological.
func (e *encoder) nodes(g *graph.Graph, origin *onnxpb.GraphProto) []*onnxpb.NodeProto {
	list := make([]*onnxpb.NodeProto, len(g.Nodes))
	of := map[*onnxpb.NodeProto]*onnxpb.NodeProto{} // by origin, of nodes that are wired as they were
	for i, n := range g.Nodes {
		m, rewired := e.node(n)
		list[i] = m
		if o, ok := n.Origin.(*onnxpb.NodeProto); ok && !rewired {
			of[o] = m
		}
	}
	if len(origin.GetNode()) != len(list) {
		return list
	}
	inFile := make([]*onnxpb.NodeProto, len(list))
	for i, o := range origin.GetNode() {
		if inFile[i] = of[o]; inFile[i] == nil {
			return list
		}
	}
	return inFile
}

// node encodes a node; rewired says whether it reads and gives other values than its origin.
func (e *encoder) node(n *graph.Node) (m *onnxpb.NodeProto, rewired bool) {
	origin, _ := n.Origin.(*onnxpb.NodeProto)
	m = onnxpb.Shallow(origin)
	if in := graph.Names(n.Inputs); !slices.Equal(in, origin.GetInput()) {
		m.Input, rewired = in, true
	}
	if out := graph.Names(n.Outputs); !slices.Equal(out, origin.GetOutput()) {
		m.Output, rewired = out, true
	}
	if n.Name != origin.GetName() {
		m.Name = &n.Name
	}
	if n.Op != origin.GetOpType() {
		m.OpType = &n.Op
	}
	if n.Domain != domain(origin.GetDomain()) {
		m.Domain = &n.Domain
	}
	what := fmt.Sprintf("node %q (%s)", n.Name, n.OpName())
	m.Attribute = e.attributes(n, origin, what)
	return m, e.renameCaptures(m, n, what) || rewired
}

// attributes keeps attributes in their order, with those that are new behind.
func (e *encoder) attributes(n *graph.Node, origin *onnxpb.NodeProto, what string) []*onnxpb.AttributeProto {
	var list []*onnxpb.AttributeProto
	there := map[string]bool{}
	add := func(name string, origin *onnxpb.AttributeProto) {
		a, err := e.attribute(name, n.Attrs[name], origin)
		if err != nil {
			e.fail("%s: attribute %q: %w", what, name, err)
			return
		}
		list = append(list, a)
	}
	for _, a := range origin.GetAttribute() {
		there[a.GetName()] = true
		if n.Has(a.GetName()) {
			add(a.GetName(), a)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		if !there[name] {
			add(name, nil)
		}
	}
	return list
}

func (e *encoder) attribute(name string, value any, origin *onnxpb.AttributeProto) (*onnxpb.AttributeProto, error) {
	switch v := value.(type) {
	case graph.Opaque:
		a, ok := v.Origin.(*onnxpb.AttributeProto)
		if !ok {
			return nil, fmt.Errorf("it was imported as %T, which cannot be written", v.Origin)
		}
		if a.GetName() != name {
			a = onnxpb.Shallow(a)
			a.Name = &name
		}
		return a, nil
	case *graph.Tensor:
		t, err := e.tensor(origin.GetT().GetName(), v, origin.GetT())
		if err != nil {
			return nil, err
		}
		if t == origin.GetT() {
			return origin, nil
		}
		value = t
	default:
		if origin != nil && graph.Same(origin.Value(), value) {
			return origin, nil
		}
	}
	a := onnxpb.Shallow(origin)
	a.Name = &name
	return a, a.SetValue(value)
}

// renameCaptures makes the node's subgraphs read the values that the node captures, and says whether those have other
// names than before.
func (e *encoder) renameCaptures(m *onnxpb.NodeProto, n *graph.Node, what string) bool {
	have, want := m.Captures(), graph.Names(n.Captures)
	if slices.Equal(have, want) {
		return false
	}
	if len(have) != len(want) {
		e.fail("%s: it captures %q, its subgraphs read %q", what, want, have)
		return true
	}
	to := map[string]string{}
	for i, name := range have {
		to[name] = want[i]
	}
	for i, a := range m.Attribute {
		if len(a.Subgraphs()) == 0 {
			continue
		}
		renamed, err := a.RenameCaptures(to)
		if err != nil {
			e.fail("%s: attribute %q: %w", what, a.GetName(), err)
		}
		m.Attribute[i] = renamed
	}
	return true
}

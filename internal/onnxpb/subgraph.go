package onnxpb

import (
	"fmt"
	"iter"
	"slices"
)

// Subgraphs lists the graphs that the attribute holds.
func (a *AttributeProto) Subgraphs() []*GraphProto {
	if a.GetG() != nil {
		return append([]*GraphProto{a.G}, a.Graphs...)
	}
	return a.GetGraphs()
}

// Captures lists the outer values that the node's subgraphs read, each once, in the order in which they are first read.
func (n *NodeProto) Captures() []string {
	var names []string
	seen := map[string]bool{}
	for _, a := range n.GetAttribute() {
		for _, g := range a.Subgraphs() {
			local := g.defines()
			for name := range g.reads() {
				if !local[name] && !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// RenameCaptures copies the attribute with each outer value that its subgraphs read under a new name. It fails where a
// subgraph has a value of that name already.
func (a *AttributeProto) RenameCaptures(names map[string]string) (*AttributeProto, error) {
	c := Shallow(a)
	var err error
	rename := func(g *GraphProto) *GraphProto {
		renamed, e := g.rename(names)
		if e != nil {
			err = e
		}
		return renamed
	}
	if a.G != nil {
		c.G = rename(a.G)
	}
	c.Graphs = mapped(a.Graphs, rename)
	return c, err
}

// NestedTensors gives the tensors that the attribute lists, and the initializers and the attributes' tensors of its
// subgraphs.
func (a *AttributeProto) NestedTensors() iter.Seq[*TensorProto] {
	return func(yield func(*TensorProto) bool) { a.nestedTensors(yield) }
}

func (a *AttributeProto) nestedTensors(yield func(*TensorProto) bool) bool {
	for _, t := range a.GetTensors() {
		if !yield(t) {
			return false
		}
	}
	for _, g := range a.Subgraphs() {
		for _, t := range g.GetInitializer() {
			if !yield(t) {
				return false
			}
		}
		for _, n := range g.GetNode() {
			for _, inner := range n.GetAttribute() {
				if inner.T != nil && !yield(inner.T) || !inner.nestedTensors(yield) {
					return false
				}
			}
		}
	}
	return true
}

// defines is the set of the graph's own values.
func (g *GraphProto) defines() map[string]bool {
	names := map[string]bool{"": true} // the empty name stands for an absent value
	for _, v := range g.GetInput() {
		names[v.GetName()] = true
	}
	for _, t := range g.GetInitializer() {
		names[t.GetName()] = true
	}
	for _, t := range g.GetSparseInitializer() {
		names[t.GetValues().GetName()] = true
	}
	for _, n := range g.GetNode() {
		for _, name := range n.GetOutput() {
			names[name] = true
		}
	}
	return names
}

// reads gives the names that the graph's nodes and outputs read.
func (g *GraphProto) reads() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, n := range g.GetNode() {
			for _, name := range slices.Concat(n.GetInput(), n.Captures()) {
				if !yield(name) {
					return
				}
			}
		}
		for _, v := range g.GetOutput() {
			if !yield(v.GetName()) {
				return
			}
		}
	}
}

func (g *GraphProto) rename(names map[string]string) (*GraphProto, error) {
	local := g.defines()
	outer := map[string]string{}
	for old, name := range names {
		switch {
		case local[old]:
		case local[name]:
			return nil, fmt.Errorf("subgraph %q: a value %q of its own hides the outer value of that name", g.GetName(), name)
		default:
			outer[old] = name
		}
	}
	rename := func(name string) string {
		if to, ok := outer[name]; ok {
			return to
		}
		return name
	}
	var err error
	c := Shallow(g)
	c.Node = mapped(g.Node, func(n *NodeProto) *NodeProto {
		n = Shallow(n)
		n.Input = mapped(n.Input, rename)
		n.Attribute = mapped(n.Attribute, func(a *AttributeProto) *AttributeProto {
			if len(a.Subgraphs()) == 0 {
				return a
			}
			renamed, e := a.RenameCaptures(outer)
			if e != nil {
				err = e
			}
			return renamed
		})
		return n
	})
	c.Output = mapped(g.Output, func(v *ValueInfoProto) *ValueInfoProto {
		if name := rename(v.GetName()); name != v.GetName() {
			v = Shallow(v)
			v.Name = &name
		}
		return v
	})
	return c, err
}

func mapped[T any](list []T, f func(T) T) []T {
	c := make([]T, len(list))
	for i, v := range list {
		c[i] = f(v)
	}
	return c
}

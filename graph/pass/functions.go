package pass

import (
	"maps"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// maxCalls bounds how deeply functions call each other.
const maxCalls = 32

// normaliser brings nodes to the forms of the table.
type normaliser struct {
	graph *graph.Graph
	depth int
}

// rewrite gives what stands in a node's place, nil where it stays: the body of the function that it calls, or the
// upgraded form.
func (z *normaliser) rewrite(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	if f := z.graph.FunctionOf(n); f != nil {
		return z.call(b, n, f)
	}
	s := op.Of(n)
	switch {
	case s == nil || s.Upgrade == nil:
		return nil
	case s.Composite:
		b = b.In(NodeName(n)) // messages name the parts of a node that the file has
	}
	return s.Upgrade(b, n, opset)
}

// call appends the body of a function.
func (z *normaliser) call(b *graph.Builder, n *graph.Node, f *graph.Function) []*graph.Value {
	if z.depth++; z.depth > maxCalls {
		b.Fail("%w", op.Errorf(n, op.ErrMalformed, "functions call each other more than %d deep", maxCalls))
		return nil
	}
	defer func() { z.depth-- }()
	at := map[string]*graph.Value{}
	for i, name := range f.Inputs {
		at[name] = n.Input(i)
	}
	given := maps.Clone(f.Defaults)
	if given == nil {
		given = graph.Attrs{}
	}
	maps.Copy(given, n.Attrs)
	b = b.In(NodeName(n))
	for _, m := range f.Nodes {
		c := instance(m, given, at)
		outputs := c.Outputs
		results := z.rewrite(b, c, f.Opsets[""])
		if b.Err() != nil {
			return nil
		}
		if results == nil {
			b.Adopt(c, outputs)
			results = c.Outputs
		}
		for i, name := range m.Outputs {
			if name != "" {
				at[name] = results[i]
			}
		}
	}
	out := make([]*graph.Value, len(n.Outputs))
	for i := range out {
		if n.Outputs[i] == nil {
			continue
		}
		if i >= len(f.Outputs) || at[f.Outputs[i]] == nil {
			b.Fail("%w", op.Errorf(n, op.ErrMalformed, "the function does not give output %d", i))
			return nil
		}
		out[i] = at[f.Outputs[i]]
	}
	return out
}

// instance is a node of a function in a call, with the attributes that the caller gives and the values there by name.
func instance(m graph.FunctionNode, given graph.Attrs, at map[string]*graph.Value) *graph.Node {
	c := &graph.Node{Name: m.Name, Op: m.Op, Domain: m.Domain, Attrs: graph.Attrs{}}
	for name, a := range m.Attrs {
		if ref, ok := a.(graph.Ref); ok {
			if a, ok = given[ref.Name]; !ok {
				continue // the op's own default
			}
		}
		c.Attrs[name] = a
	}
	for _, name := range m.Inputs {
		c.Inputs = append(c.Inputs, at[name])
	}
	c.Outputs = make([]*graph.Value, len(m.Outputs))
	for i, name := range m.Outputs {
		if name != "" {
			c.Outputs[i] = &graph.Value{Name: name}
		}
	}
	return c
}

package pass

import (
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// NodeError is what is wrong with a node of the graph that a pass was given, be it with what the pass has put in its
// place.
type NodeError struct {
	Node string // see [NodeName]
	Err  error
}

func (e *NodeError) Error() string { return e.Err.Error() }

func (e *NodeError) Unwrap() error { return e.Err }

// Rewrite copies g, passing each node through f in topological order. f appends what stands in the node's place and
// gives the values for its outputs, or nil to keep the node. Shapes are inferred on the way, so that f sees those of
// the inputs. Values keep their names. An error is a [NodeError].
func Rewrite(g *graph.Graph, f func(b *graph.Builder, n *graph.Node) []*graph.Value) (_ *graph.Graph, err error) {
	g, _ = g.Clone()
	b := graph.NewBuilder(g, inferDeclared)
	var at *graph.Node
	defer func() {
		if err != nil {
			err = &NodeError{NodeName(at), err}
		}
	}()
	defer b.Guard(&err)
	old := g.Nodes
	g.Nodes = nil
	now := map[*graph.Value]*graph.Value{}
	follow := func(vs []*graph.Value) {
		for i, v := range vs {
			if r, ok := now[v]; ok {
				vs[i] = r
			}
		}
	}
	for _, n := range old {
		if b.Err() != nil {
			break
		}
		at = n
		follow(n.Inputs)
		follow(n.Captures)
		nodes, constants := len(g.Nodes), len(g.Initializers)
		outs := f(b, n)
		if b.Err() != nil {
			break
		}
		if outs == nil {
			b.Append(n)
			continue
		}
		for i, o := range n.Outputs {
			if o == nil {
				continue
			}
			v := outs[i]
			if !slices.Contains(g.Nodes[nodes:], v.Producer) && !slices.Contains(g.Initializers[constants:], v) {
				v = b.Op("Identity", nil, v) // f gave a value that has a name already
			}
			v.Name, v.Origin = o.Name, o.Origin
			if v.Producer != nil {
				v.Producer.Name = n.Name
			}
			now[o] = v
		}
	}
	follow(g.Outputs)
	return g, b.Err()
}

// inferDeclared infers a node's outputs and keeps what was declared of them where inference knows less.
func inferDeclared(n *graph.Node) error {
	type declared struct {
		dtype graph.DType
		shape graph.Shape
	}
	was := make([]declared, len(n.Outputs))
	for i, v := range n.Outputs {
		if v != nil {
			was[i] = declared{v.DType, v.Shape}
		}
	}
	if err := op.Infer(n); err != nil {
		return err
	}
	for i, v := range n.Outputs {
		if v == nil {
			continue
		}
		if v.DType == graph.Undefined {
			v.DType = was[i].dtype
		}
		if v.Shape == nil {
			v.Shape = was[i].shape
			continue
		}
		for a, d := range v.Shape {
			if d == graph.Unknown && len(was[i].shape) == len(v.Shape) {
				v.Shape[a] = was[i].shape[a]
			}
		}
	}
	return nil
}

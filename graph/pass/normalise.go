package pass

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Normalise copies g into the op forms of opset [op.Opset], with shapes and dtypes inferred. Values keep their names,
// so that whatever is learnt of the copy can be said of the original. Calls of the model's own functions are replaced
// by their bodies. Nodes that the op table does not have stay as they are. Layer normalisation, Gelu and softmax in
// pieces become the ops.
func Normalise(g *graph.Graph) (*graph.Graph, error) {
	w := &work{graph: g}
	if err := w.run(normalisation); err != nil {
		return nil, err
	}
	return w.graph, nil
}

func upgrade(w *work) error {
	z := &normaliser{graph: w.graph}
	opset := w.graph.Opsets[""]
	g, err := Rewrite(w.graph, func(b *graph.Builder, n *graph.Node) []*graph.Value { return z.rewrite(b, n, opset) })
	if err != nil {
		return fmt.Errorf("pass: %w", err)
	}
	g.Opsets[""] = op.Opset
	w.graph = g
	return nil
}

// Infer infers dtypes, shapes and known elements of every value of g, in place. Inputs and initializers are taken as
// they are.
func Infer(g *graph.Graph) error {
	for _, n := range g.Nodes {
		if err := op.Infer(n); err != nil {
			return fmt.Errorf("pass: %w", err)
		}
	}
	return nil
}

// Lower copies g with its macro ops replaced by their decompositions into standard ops, but for those that are named
// native.
func Lower(g *graph.Graph, native []string) (*graph.Graph, error) {
	w := &work{graph: g, native: native}
	if err := w.run(lowering); err != nil {
		return nil, err
	}
	return w.graph, nil
}

func lower(w *work) error {
	g, err := Rewrite(w.graph, func(b *graph.Builder, n *graph.Node) []*graph.Value {
		if s := op.Of(n); s != nil && s.Lower != nil && !slices.Contains(w.native, n.Op) {
			return s.Lower(b, n)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("pass: %w", err)
	}
	w.graph = g
	return nil
}

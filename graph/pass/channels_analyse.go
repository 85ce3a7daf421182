package pass

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// maxFolded bounds the elements of a constant that is computed for analysis.
const maxFolded = 1 << 27

// Analyse copies an imported graph for reasoning over its channels and cost: symbolic extents of the inputs are bound
// as far as bind says, every node has its form of opset [op.Opset], and values that the graph computes from constants
// alone are initializers. Each keeps its name. What has no counterpart in g, by name, was put in by normalisation.
// Extents and ops that are not known stay so.
func Analyse(g *graph.Graph, bind Binding) (*graph.Graph, error) {
	w := &work{graph: g, bind: bind}
	if err := w.run(analysis); err != nil {
		return nil, err
	}
	return w.graph, nil
}

// bindSymbols copies the graph with sizes for the symbols that are bound, wherever they stand.
func bindSymbols(w *work) error {
	g, _ := w.graph.Clone()
	symbols := map[string]int{}
	for name, size := range w.bind.Symbols {
		symbols[name] = size
	}
	for _, v := range g.Inputs {
		if len(v.Shape) > 0 && !v.Shape[0].Known() && w.bind.Batch > 0 {
			if _, bound := symbols[SymbolOf(v, 0)]; !bound {
				symbols[SymbolOf(v, 0)] = w.bind.Batch
			}
		}
		for a, d := range v.Shape {
			if size, bound := symbols[SymbolOf(v, a)]; bound && !d.Known() {
				v.Shape[a] = graph.D(size)
			}
		}
	}
	for _, v := range g.Values() {
		for a, d := range v.Shape {
			if size, bound := symbols[d.Symbol]; bound && !d.Known() && d != graph.Unknown {
				v.Shape[a] = graph.D(size)
			}
		}
	}
	w.graph, w.known = g, g.ByName()
	return nil
}

// foldNamed replaces, in place, nodes that compute constants alone by initializers, where the imported graph has a
// value of the name of every output. Dequantised weights stay computed from their 8-bit elements.
func foldNamed(w *work) error {
	constants := map[*graph.Value]*graph.Tensor{}
	for _, v := range w.graph.Initializers {
		constants[v] = v.Const
	}
	w.graph.Nodes = slices.DeleteFunc(w.graph.Nodes, func(n *graph.Node) bool {
		out := evalConstant(n, constants)
		if out == nil {
			return false
		}
		named := true
		for i, v := range n.Outputs {
			if v != nil {
				constants[v] = out[i]
				named = named && w.known[v.Name] != nil
			}
		}
		if named {
			fix(w.graph, n, out)
		}
		return named
	})
	DeadCode(w.graph)
	return nil
}

func inferAllDeclared(w *work) error {
	for _, n := range w.graph.Nodes {
		if err := inferDeclared(n); err != nil {
			return fmt.Errorf("pass: %w", err)
		}
	}
	return nil
}

// evalConstant evaluates a node that reads nothing but these constants; nil for any other, and where it cannot be done.
func evalConstant(n *graph.Node, constants map[*graph.Value]*graph.Tensor) []*graph.Tensor {
	s := op.Of(n)
	if s == nil || s.Eval == nil || len(n.Captures) > 0 {
		return nil
	}
	in := make([]*graph.Tensor, len(n.Inputs))
	fed := *n // with the shapes that follow from the constants
	fed.Inputs, fed.Outputs = make([]*graph.Value, len(n.Inputs)), make([]*graph.Value, len(n.Outputs))
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		if in[i] = constants[v]; in[i] == nil || !in[i].DType.Known() ||
			in[i].DType.Size() == 1 && in[i].DType != graph.Bool {
			return nil
		}
		fed.Inputs[i] = &graph.Value{Name: v.Name, DType: in[i].DType, Shape: in[i].Shape(), Const: in[i]}
	}
	for i, v := range n.Outputs {
		if v != nil {
			fed.Outputs[i] = &graph.Value{Name: v.Name}
		}
	}
	if op.Infer(&fed) != nil {
		return nil
	}
	for _, v := range fed.Outputs {
		if v != nil && (!v.Shape.Static() || v.Shape.Elements() > maxFolded) {
			return nil
		}
	}
	out, err := s.Eval(n, in)
	if err != nil {
		return nil
	}
	return out
}

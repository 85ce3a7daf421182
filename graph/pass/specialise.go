package pass

import (
	"errors"
	"fmt"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Binding says what symbolic extents become.
type Binding struct {
	Batch   int            // the leading extent of every input, where it is symbolic or 1
	Symbols map[string]int // other symbols by name, see [SymbolOf]
	// Keep names the initializers that stay what they are, since they will be trained: no constant is folded from them.
	Keep map[string]bool
}

// SymbolOf is the name by which a symbolic extent of an input is bound to a size: its symbol, or, where it has none,
// the input's name and the axis, as in "x.2".
func SymbolOf(input *graph.Value, axis int) string {
	if d := input.Shape[axis]; d != graph.Unknown {
		return d.Symbol
	}
	return fmt.Sprintf("%s.%d", input.Name, axis)
}

// Specialise copies a normalised graph with static shapes: symbols are bound, a fixed batch of 1 is rebatched, shape
// arithmetic and constants are folded away, and dead code is removed.
//
// A model whose batch is fixed to 1 is rebatched by rewriting the constants of Reshape and its kin that hard-code the
// 1. Which 1 is the batch can't be told from syntax alone, so [Rebatched] graphs must be verified by a run, with
// [SameByBatch].
func Specialise(g *graph.Graph, bind Binding) (*graph.Graph, error) {
	w := &work{graph: g, bind: bind}
	if err := w.run(specialisation); err != nil {
		return nil, err
	}
	return w.graph, nil
}

// bindInputs copies the graph with sizes for the extents of its inputs.
func bindInputs(w *work) error {
	w.graph, _ = w.graph.Clone()
	batch := w.bind.Batch
	w.rebatch = Rebatched(w.graph, batch)
	var errs []error
	for _, v := range w.graph.Inputs {
		for a, d := range v.Shape {
			switch size, bound := w.bind.Symbols[SymbolOf(v, a)]; {
			case a == 0 && batch > 0 && (!d.Known() && !bound || d.Is(1) && w.rebatch):
				v.Shape[a] = graph.D(batch)
			case d.Known():
			case bound:
				v.Shape[a] = graph.D(size)
			default:
				errs = append(errs, fmt.Errorf("pass: input %q %v: extent %d is symbolic: bind %q to a size",
					v.Name, v.Shape, a, SymbolOf(v, a)))
			}
		}
		if v.Shape == nil {
			errs = append(errs, fmt.Errorf("pass: input %q has no shape", v.Name))
		}
	}
	return errors.Join(errs...)
}

// rebatch infers shapes from those of the inputs, and lets nodes that hard-code a batch of 1 go along with another one.
func rebatch(w *work) error {
	g, err := Rewrite(w.graph, func(b *graph.Builder, n *graph.Node) []*graph.Value {
		if s := op.Of(n); w.rebatch && s != nil && s.Rebatch != nil {
			return s.Rebatch(b, n, w.bind.Batch)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("pass: %w", err)
	}
	w.graph = g
	return nil
}

func requireStatic(w *work) error {
	var errs []error
	for _, n := range w.graph.Nodes {
		for _, v := range n.Outputs {
			if v != nil && !v.Shape.Static() {
				errs = append(errs, fmt.Errorf("pass: node %q (%s): shape %v of output %q is not static once the inputs are bound",
					n.Name, n.OpName(), v.Shape, v.Name))
			}
		}
	}
	return errors.Join(errs...)
}

// Bound copies an imported graph for running it: normalised, then specialised.
func Bound(g *graph.Graph, bind Binding) (*graph.Graph, error) {
	n, err := Normalise(g)
	if err != nil {
		return nil, err
	}
	return Specialise(n, bind)
}

// Rebatched says whether binding this batch changes the extent of inputs that are fixed to a batch of 1.
func Rebatched(g *graph.Graph, batch int) bool {
	if batch <= 1 {
		return false
	}
	fixed := false
	for _, v := range g.Inputs {
		if len(v.Shape) == 0 || v.Shape[0].Known() && !v.Shape[0].Is(1) {
			return false
		}
		fixed = fixed || v.Shape[0].Is(1)
	}
	return fixed
}

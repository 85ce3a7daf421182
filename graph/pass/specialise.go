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

// SymbolOf is the name by which a symbolic extent of an input is bound to a size: its symbol, or, where it has none, the input's name and the axis, as in
// "x.2".
func SymbolOf(input *graph.Value, axis int) string {
	if d := input.Shape[axis]; d != graph.Unknown {
		return d.Symbol
	}
	return fmt.Sprintf("%s.%d", input.Name, axis)
}

// Specialise copies a normalised graph with static shapes: symbols are bound, a fixed batch of 1 is rebatched, shape arithmetic and
// constants are folded away, and dead code is removed.
//
// A model whose batch is fixed to 1 is rebatched by rewriting the constants of Reshape and its kin that hard-code the 1. Which 1 is
// the batch can't be told from syntax alone, so [Rebatched] graphs must be verified by a run, with [SameByBatch].
func Specialise(g *graph.Graph, bind Binding) (*graph.Graph, error) {
	g, _ = g.Clone()
	rebatch := Rebatched(g, bind.Batch)
	var errs []error
	for _, v := range g.Inputs {
		for a, d := range v.Shape {
			switch size, bound := bind.Symbols[SymbolOf(v, a)]; {
			case a == 0 && bind.Batch > 0 && (!d.Known() && !bound || d.Is(1) && rebatch):
				v.Shape[a] = graph.D(bind.Batch)
			case d.Known():
			case bound:
				v.Shape[a] = graph.D(size)
			default:
				errs = append(errs, fmt.Errorf("pass: input %q %v: extent %d is symbolic: bind %q to a size", v.Name, v.Shape, a, SymbolOf(v, a)))
			}
		}
		if v.Shape == nil {
			errs = append(errs, fmt.Errorf("pass: input %q has no shape", v.Name))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	g, err := Rewrite(g, func(b *graph.Builder, n *graph.Node) []*graph.Value {
		if s := op.Of(n); rebatch && s != nil && s.Rebatch != nil {
			return s.Rebatch(b, n, bind.Batch)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pass: %w", err)
	}
	if err := Fold(g, bind.Keep); err != nil {
		return nil, err
	}
	if err := Infer(g); err != nil {
		return nil, err
	}
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			if v != nil && !v.Shape.Static() {
				errs = append(errs, fmt.Errorf("pass: node %q (%s): shape %v of output %q is not static once the inputs are bound", n.Name, n.OpName(), v.Shape, v.Name))
			}
		}
	}
	return g, errors.Join(errs...)
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

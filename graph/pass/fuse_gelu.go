package pass

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// recogniseGelu reads x·½·(1 + erf(x/√2)).
func recogniseGelu(n *graph.Node) *graph.Node {
	x := matchGelu(n)
	if x == nil {
		return nil
	}
	return &graph.Node{Op: "Gelu", Attrs: graph.Attrs{}, Inputs: []*graph.Value{x}}
}

// matchGelu gives x where a node gives x·½·(1 + erf(x/√2)), whatever the order of the factors; else nil.
func matchGelu(n *graph.Node) *graph.Value {
	factors := product(n)
	if len(factors) != 3 {
		return nil
	}
	var x, half, gate *graph.Value
	for _, v := range factors {
		switch {
		case isScalar(v, 0.5):
			half = v
		case producer(v, "Add") != nil && gate == nil:
			gate = v
		default:
			x = v
		}
	}
	if x == nil || half == nil || gate == nil {
		return nil
	}
	for i, v := range gate.Producer.Inputs {
		if erf := producer(v, "Erf"); erf != nil && isScalar(gate.Producer.Inputs[1-i], 1) && halved(erf.Inputs[0]) == x {
			return x
		}
	}
	return nil
}

// product lists the three factors of two nested products.
func product(n *graph.Node) []*graph.Value {
	if n == nil || n.OpName() != "Mul" || len(n.Inputs) != 2 {
		return nil
	}
	for i, v := range n.Inputs {
		if inner := producer(v, "Mul"); inner != nil {
			return []*graph.Value{n.Inputs[1-i], inner.Inputs[0], inner.Inputs[1]}
		}
	}
	return nil
}

// halved gives x of x/√2; nil for anything else.
func halved(v *graph.Value) *graph.Value {
	if n := producer(v, "Div"); n != nil && isScalar(n.Inputs[1], math.Sqrt2) {
		return n.Inputs[0]
	}
	if n := producer(v, "Mul"); n != nil {
		for i, f := range n.Inputs {
			if isScalar(f, 1/math.Sqrt2) {
				return n.Inputs[1-i]
			}
		}
	}
	return nil
}

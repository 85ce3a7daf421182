package pass

import "github.com/ildc/ildc/graph"

// recogniseSoftmax reads exp(x − max)/Σ exp(x − max) over the last axis.
func recogniseSoftmax(n *graph.Node) *graph.Node {
	x := matchSoftmax(n)
	if x == nil {
		return nil
	}
	return &graph.Node{Op: "Softmax", Attrs: graph.Attrs{"axis": int64(-1)}, Inputs: []*graph.Value{x}}
}

// matchSoftmax reads the pieces of a softmax over the last axis that end in a node, and gives what it is the softmax
// of; nil for any other node.
func matchSoftmax(n *graph.Node) *graph.Value {
	if n.OpName() != "Div" {
		return nil
	}
	exp := producer(n.Inputs[0], "Exp")
	if exp == nil {
		return nil
	}
	z := exp.Inputs[0]
	if of := reducedRows(n.Inputs[1], "ReduceSum", len(z.Shape)); of != n.Inputs[0] {
		return nil
	}
	// What is the same for a whole row makes no difference.
	if shifted := producer(z, "Sub"); shifted != nil && len(shifted.Inputs[0].Shape) == len(z.Shape) &&
		reducedRows(shifted.Inputs[1], "ReduceMax", len(z.Shape)) == shifted.Inputs[0] {
		return shifted.Inputs[0]
	}
	return z
}

// reducedRows finds what a value reduces over the last axis, to one number for each row of a tensor of that rank, be it
// spread over the row again; nil where it does anything else.
func reducedRows(v *graph.Value, name string, rank int) *graph.Value {
	var column graph.Shape // of one number for each row, once there is a last axis of 1
	for v != nil && v.Producer != nil && rank > 0 {
		if len(v.Shape) == rank && v.Shape[rank-1].Is(1) {
			column = v.Shape
		}
		n := v.Producer
		switch n.OpName() {
		case "Reshape", "Unsqueeze":
			if column == nil {
				return nil
			}
		case "Expand", "Identity":
		case "Max": // with a constant, such as minus infinity
			of, bound := operands(n, "Max")
			if scalarOf(bound) == nil {
				return nil
			}
			v = of
			continue
		case name:
			of := n.Inputs[0]
			if len(of.Shape) != rank || len(lastAxes(n)) != 1 || column == nil && n.Int("keepdims", 1) == 0 {
				return nil
			}
			for a, d := range column[:max(0, len(column)-1)] {
				if d.Known() && of.Shape[a].Known() && d != of.Shape[a] {
					return nil
				}
			}
			return of
		default:
			return nil
		}
		v = n.Inputs[0]
	}
	return nil
}

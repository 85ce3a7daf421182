package pass

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// fuse replaces, in place, what was exported piece by piece, as older opsets have to, by the op that it is: layer normalisation,
// (x − mean)/√(mean((x − mean)²) + ε)·scale + bias, Gelu, x·½·(1 + erf(x/√2)), and softmax over the last axis, exp(x − max)/Σ exp(x − max). It then is one chain for alignment, and one kernel for engines. What else reads a
// piece goes on reading it.
func fuse(g *graph.Graph) error {
	b := op.NewBuilder(g)
	nodes := g.Nodes
	g.Nodes = nil
	fused := false
	for _, n := range nodes {
		m := &graph.Node{Name: n.Name, Outputs: n.Outputs, Origin: n.Origin}
		if p, ok := matchLayerNorm(n); ok {
			axis := len(p.x.Shape) - len(p.scale.Shape)
			m.Op, m.Attrs = "LayerNormalization", graph.Attrs{"axis": int64(axis), "epsilon": float32(p.epsilon)}
			m.Inputs = []*graph.Value{p.x, p.scale, p.bias}
		} else if x := matchGelu(n); x != nil {
			m.Op, m.Attrs, m.Inputs = "Gelu", graph.Attrs{}, []*graph.Value{x}
		} else if x := matchSoftmax(n); x != nil {
			m.Op, m.Attrs, m.Inputs = "Softmax", graph.Attrs{"axis": int64(-1)}, []*graph.Value{x}
		} else {
			g.Nodes = append(g.Nodes, n)
			continue
		}
		b.Append(m)
		fused = true
	}
	if fused {
		DeadCode(g)
	}
	return b.Err()
}

// layerNorm is what a normalisation in pieces is made of.
type layerNorm struct {
	x, scale, bias *graph.Value
	epsilon        float64
}

// matchLayerNorm reads the pieces that end in a node.
func matchLayerNorm(n *graph.Node) (p layerNorm, ok bool) {
	scaled, bias := operands(n, "Add")
	if scaled == nil {
		return p, false
	}
	normal, scale := operands(scaled.Producer, "Mul")
	if normal == nil {
		return p, false
	}
	div := producer(normal, "Div")
	if div == nil {
		return p, false
	}
	x, axes, ok := centred(div.Inputs[0])
	root := producer(div.Inputs[1], "Sqrt")
	if !ok || root == nil || producer(root.Inputs[0], "Add") == nil {
		return p, false
	}
	variance, epsilon := root.Inputs[0].Producer.Inputs[0], scalarOf(root.Inputs[0].Producer.Inputs[1])
	square, over, isMean := mean(variance)
	if epsilon == nil || !isMean || !slices.Equal(over, axes) {
		return p, false
	}
	y, same, isCentred := squared(square)
	first := len(x.Shape) - len(axes)
	params := x.Shape[first:]
	if !isCentred || y != x || !slices.Equal(same, axes) || !scale.Shape.Equal(params) || !bias.Shape.Equal(params) {
		return p, false
	}
	return layerNorm{x, scale, bias, epsilon.Values()[0]}, true
}

// producer is the node that gives a value, where it is of that op; else nil.
func producer(v *graph.Value, name string) *graph.Node {
	if v == nil || v.Producer == nil || v.Producer.OpName() != name {
		return nil
	}
	return v.Producer
}

// operands gives what is computed and the parameter of a node of that op, in either order; nil for any other node.
func operands(n *graph.Node, name string) (computed, parameter *graph.Value) {
	if n == nil || n.OpName() != name || len(n.Inputs) != 2 {
		return nil, nil
	}
	for i, v := range n.Inputs {
		if other := n.Inputs[1-i]; constantOf(v) != nil && other.Producer != nil && constantOf(other) == nil {
			return other, v
		}
	}
	return nil, nil
}

func scalarOf(v *graph.Value) *graph.Tensor {
	if t := constantOf(v); t != nil && t.Len() == 1 {
		return t
	}
	return nil
}

// mean reads a mean over the last axes that keeps them: of what, and which axes.
func mean(v *graph.Value) (of *graph.Value, axes []int, ok bool) {
	n := producer(v, "ReduceMean")
	if n == nil || n.Int("keepdims", 1) == 0 {
		return nil, nil, false
	}
	axes = lastAxes(n)
	return n.Inputs[0], axes, len(axes) > 0
}

// lastAxes are the axes that a node reduces, where they are the last ones of what it reads, in order; else none.
func lastAxes(n *graph.Node) (axes []int) {
	if n.Input(1) == nil || n.Inputs[0].Shape == nil {
		return nil
	}
	t := constantOf(n.Inputs[1])
	if t == nil || t.Int64s() == nil {
		return nil
	}
	rank := len(n.Inputs[0].Shape)
	for _, axis := range t.Int64s() {
		a, ok := graph.Axis(axis, rank)
		if !ok {
			return nil
		}
		axes = append(axes, a)
	}
	slices.Sort(axes)
	for i, a := range axes {
		if a != rank-len(axes)+i {
			return nil
		}
	}
	return axes
}

// centred reads x − mean(x).
func centred(v *graph.Value) (x *graph.Value, axes []int, ok bool) {
	n := producer(v, "Sub")
	if n == nil {
		return nil, nil, false
	}
	of, axes, ok := mean(n.Inputs[1])
	return n.Inputs[0], axes, ok && of == n.Inputs[0]
}

// squared reads (x − mean(x))², a power or a product.
func squared(v *graph.Value) (x *graph.Value, axes []int, ok bool) {
	if n := producer(v, "Pow"); n != nil {
		if two := scalarOf(n.Inputs[1]); two == nil || two.Values()[0] != 2 {
			return nil, nil, false
		}
		return centred(n.Inputs[0])
	}
	if n := producer(v, "Mul"); n != nil && n.Inputs[0] == n.Inputs[1] {
		return centred(n.Inputs[0])
	}
	return nil, nil, false
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

// isScalar says whether a value is a constant of one element, that one to the precision that exporters write.
func isScalar(v *graph.Value, want float64) bool {
	t := scalarOf(v)
	return t != nil && math.Abs(t.Values()[0]-want) < 1e-4
}

package pass

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// layerNorm is what a normalisation in pieces is made of.
type layerNorm struct {
	x, scale, bias *graph.Value
	epsilon        float64
}

// recogniseLayerNorm reads (x − mean)/√(mean((x − mean)²) + ε)·scale + bias over the last axes.
func recogniseLayerNorm(n *graph.Node) *graph.Node {
	p, ok := matchLayerNorm(n)
	if !ok {
		return nil
	}
	axis := len(p.x.Shape) - len(p.scale.Shape)
	return &graph.Node{Op: "LayerNormalization",
		Attrs:  graph.Attrs{"axis": int64(axis), "epsilon": float32(p.epsilon)},
		Inputs: []*graph.Value{p.x, p.scale, p.bias}}
}

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

// mean reads a mean over the last axes that keeps them: of what, and which axes.
func mean(v *graph.Value) (of *graph.Value, axes []int, ok bool) {
	n := producer(v, "ReduceMean")
	if n == nil || n.Int("keepdims", 1) == 0 {
		return nil, nil, false
	}
	axes = lastAxes(n)
	return n.Inputs[0], axes, len(axes) > 0
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

package op

import "github.com/ildc/ildc/graph"

func expandShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	target := elems(n.Inputs[1])
	if target == nil || x.Shape == nil {
		return []Type{t}, nil
	}
	shape, err := broadcast(n, x, &graph.Value{Shape: target})
	t.Shape = shape
	return []Type{t}, err
}

// expandChannels couples the axes that are not repeated; the target follows them.
func expandChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	lead := len(y.Shape) - len(x.Shape)
	target := elems(n.Inputs[1])
	if lead < 0 {
		return // the target is not known
	}
	for i, d := range x.Shape {
		if !d.Equal(y.Shape[lead+i]) {
			continue
		}
		c.Same(x, i, y, lead+i)
		if k := lead + i - (len(y.Shape) - len(target)); k >= 0 && !target[k].Is(1) {
			follow(c, n, y, lead+i, k)
		}
	}
}

func expandGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{unbroadcast(b, dy[0], n.Inputs[0])}
}

func expandEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	target, err := checkDims(n, in[1].Int64s())
	if err != nil {
		return nil, err
	}
	dims := broadcastDims(in[0], &graph.Tensor{Dims: target})
	if dims == nil {
		return nil, Errorf(n, ErrMalformed, "%v does not expand to %v", in[0].Dims, target)
	}
	x := in[0].Values()
	y := make([]float64, graph.Product(dims))
	walk(dims, func(i int, at []int) { y[i] = x[at[0]] }, strides(in[0].Dims, dims))
	return []*graph.Tensor{graph.FromValues(in[0].DType, dims, y)}, nil
}

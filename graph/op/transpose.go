package op

import "github.com/ildc/ildc/graph"

func perm(n *graph.Node, rank int) ([]int, error) {
	given := n.Ints("perm")
	p := make([]int, rank)
	seen := make([]bool, rank)
	for i := range p {
		p[i] = rank - 1 - i
	}
	if n.Has("perm") {
		if len(given) != rank {
			return nil, Errorf(n, ErrMalformed, "perm %v", given)
		}
		p = sizes(given)
	}
	for _, a := range p {
		if a < 0 || a >= rank || seen[a] {
			return nil, Errorf(n, ErrMalformed, "perm %v", given)
		}
		seen[a] = true
	}
	return p, nil
}

func transposeShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	if x.Shape == nil {
		return []Type{{DType: x.DType}}, nil
	}
	p, err := perm(n, len(x.Shape))
	if err != nil {
		return nil, err
	}
	t := Type{DType: x.DType, Shape: graph.Shape{}}
	for _, a := range p {
		t.Shape = append(t.Shape, x.Shape[a])
	}
	return []Type{t}, nil
}

func transposeChannels(c *Coupling, n *graph.Node) {
	p, err := perm(n, len(n.Inputs[0].Shape))
	for i, a := range p {
		if err == nil {
			c.Same(n.Inputs[0], a, n.Outputs[0], i)
		}
	}
}

func transposeGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	p, _ := perm(n, len(n.Inputs[0].Shape))
	back := make([]int64, len(p))
	for i, a := range p {
		back[a] = int64(i)
	}
	return []*graph.Value{b.Op("Transpose", graph.Attrs{"perm": back}, dy[0])}
}

func transposeEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	p, err := perm(n, len(in[0].Dims))
	if err != nil {
		return nil, err
	}
	from := strides(in[0].Dims, in[0].Dims)
	dims, step := make([]int, len(p)), make([]int, len(p))
	for i, a := range p {
		dims[i], step[i] = in[0].Dims[a], from[a]
	}
	x := in[0].Values()
	y := make([]float64, len(x))
	walk(dims, func(i int, at []int) { y[i] = x[at[0]] }, step)
	return []*graph.Tensor{graph.FromValues(in[0].DType, dims, y)}, nil
}

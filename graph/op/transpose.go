package op

import "github.com/ildc/ildc/graph"

// Transpose permutes axes: axis i of the output is axis perm[i] of the input; by default their order is reversed.
// https://onnx.ai/onnx/operators/onnx__Transpose.html

func perm(n *graph.Node, rank int) ([]int, error) {
	p := make([]int, rank)
	for i := range p {
		p[i] = rank - 1 - i
	}
	if n.Has("perm") {
		p = sizes(n.Ints("perm"))
	}
	if len(p) != rank {
		return nil, Errorf(n, ErrMalformed, "perm %v", p)
	}
	seen := make([]bool, rank)
	for _, a := range p {
		if a < 0 || a >= rank || seen[a] {
			return nil, Errorf(n, ErrMalformed, "perm %v", p)
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
	if len(p) <= 1 {
		t.Elems = elems(x)
	}
	return []Type{t}, nil
}

func transposeChannels(c *Coupling, n *graph.Node) {
	p, err := perm(n, len(n.Inputs[0].Shape))
	if err != nil {
		return
	}
	for i, a := range p {
		c.tie(n.Inputs[0], a, n.Outputs[0], i)
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
	x := in[0]
	p, err := perm(n, len(x.Dims))
	if err != nil {
		return nil, err
	}
	from := graph.Strides(x.Dims, x.Dims)
	dims, step := make([]int, len(p)), make([]int, len(p))
	for i, a := range p {
		dims[i], step[i] = x.Dims[a], from[a]
	}
	source := make([]int, x.Len())
	walk(dims, func(i int, at []int) { source[i] = at[0] }, step)
	return []*graph.Tensor{arrange(x, dims, source)}, nil
}

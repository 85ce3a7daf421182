package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Expand broadcasts to a shape: input [...], shape [r] → [broadcast of both]. Tile repeats each axis: input [...],
// repeats [r] → [d·repeats]. https://onnx.ai/onnx/operators/onnx__Expand.html,
// https://onnx.ai/onnx/operators/onnx__Tile.html

func expandShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	to := elems(n.Inputs[1])
	if to == nil || x.Shape == nil {
		return []Type{t}, nil
	}
	if err := checkExtents(n, to); err != nil {
		return nil, err
	}
	shape, err := broadcast(n, x, &graph.Value{Shape: to})
	t.Shape = shape
	if len(shape) <= 1 && shape.Equal(x.Shape) {
		t.Elems = elems(x)
	}
	return []Type{t}, err
}

// expandChannels couples the axes that are not repeated; the target follows them.
func expandChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	lead := len(y.Shape) - len(x.Shape)
	to := elems(n.Inputs[1])
	if lead < 0 {
		return // the target is not known
	}
	for i, d := range x.Shape {
		if !d.Equal(y.Shape[lead+i]) {
			continue
		}
		c.tie(x, i, y, lead+i)
		if k := lead + i - (len(y.Shape) - len(to)); k >= 0 && !to[k].Is(1) {
			follow(c, n, n.Inputs[1], k, y, lead+i)
		}
	}
}

func expandGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{unbroadcast(b, dy[0], n.Inputs[0])}
}

func expandEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[0]
	to, err := checkDims(n, in[1].Int64s())
	if err != nil {
		return nil, err
	}
	dims := broadcastDims(x, &graph.Tensor{Dims: to})
	if dims == nil {
		return nil, Errorf(n, ErrMalformed, "%v does not expand to %v", x.Dims, to)
	}
	if _, err := checkDims(n, int64s(dims)); err != nil {
		return nil, err
	}
	source := make([]int, graph.Product(dims))
	walk(dims, func(i int, at []int) { source[i] = at[0] }, graph.Strides(x.Dims, dims))
	return []*graph.Tensor{arrange(x, dims, source)}, nil
}

func tileShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	repeats := elems(n.Inputs[1])
	if x.Shape == nil {
		return []Type{{DType: x.DType}}, nil
	}
	t := Type{DType: x.DType, Shape: slices.Repeat(graph.Shape{graph.Unknown}, len(x.Shape))}
	if repeats == nil {
		return []Type{t}, nil
	}
	if len(repeats) != len(x.Shape) {
		return nil, Errorf(n, ErrMalformed, "repeats %v", repeats)
	}
	if err := checkExtents(n, repeats); err != nil {
		return nil, err
	}
	for i, d := range x.Shape {
		t.Shape[i] = product(graph.Shape{d, repeats[i]})
	}
	return []Type{t}, nil
}

// tileChannels couples the axes that are not repeated.
func tileChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	repeats := elems(n.Inputs[1])
	for i := range x.Shape {
		if repeats != nil && repeats[i].Is(1) {
			c.tie(x, i, y, i)
		}
	}
}

// tileGrad sums over the copies: [d₀·r₀,d₁·r₁…] as [r₀,d₀,r₁,d₁…].
func tileGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	dims := n.Inputs[0].Shape.Sizes()
	repeats, ok := constInts(n.Inputs[1])
	if !ok {
		b.Fail("%w", Errorf(n, ErrNoGradient, "the repeats are computed by the graph"))
		return nil
	}
	var apart []int
	var copies []int64
	for i, d := range dims {
		copies = append(copies, int64(len(apart)))
		apart = append(apart, int(repeats[i]), d)
	}
	sum := dy[0]
	if len(dims) > 0 {
		sum = b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, reshape(b, sum, apart...), b.Ints(copies...))
	}
	return []*graph.Value{sum}
}

func tileEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[0]
	repeats, err := checkDims(n, in[1].Int64s())
	if err != nil || len(repeats) != len(x.Dims) {
		return nil, Errorf(n, ErrMalformed, "%v repeated %v times", x.Dims, in[1].Int64s())
	}
	dims := slices.Clone(x.Dims)
	for i, r := range repeats {
		dims[i] *= r
	}
	if _, err := checkDims(n, int64s(dims)); err != nil {
		return nil, err
	}
	// Each axis twice, as [r,d], of which the copies have stride 0.
	var apart, step []int
	from := graph.Strides(x.Dims, x.Dims)
	for i, d := range x.Dims {
		apart, step = append(apart, repeats[i], d), append(step, 0, from[i])
	}
	source := make([]int, graph.Product(dims))
	walk(apart, func(i int, at []int) { source[i] = at[0] }, step)
	return []*graph.Tensor{arrange(x, dims, source)}, nil
}

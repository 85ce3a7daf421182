package op

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Ops about shapes, and ops that give the same elements another shape.
// History: Squeeze and Unsqueeze took their axes as an attribute before opset 13; Reshape takes its target as an input since 5.
// https://onnx.ai/onnx/operators/onnx__Reshape.html and its neighbours.
func shapes() []*Spec {
	return []*Spec{
		{Type: "Shape", Least: 1, Most: 1, NoGrad: true, Shape: shapeShape, Channels: readsShape, Eval: shapeEval},
		{Type: "Size", Least: 1, Most: 1, NoGrad: true, Shape: sizeShape, Channels: readsShape, Eval: sizeEval},
		{Type: "Constant", NoGrad: true, Shape: constantShape, Eval: constantEval},
		{Type: "ConstantOfShape", Least: 1, Most: 1, NoGrad: true, Shape: constantOfShapeShape, Eval: constantOfShapeEval},
		{Type: "Expand", Least: 2, Most: 2, Shape: expandShape, Channels: expandChannels, Grad: expandGrad, Eval: expandEval},
		{Type: "Reshape", Least: 2, Most: 2, Shape: reshapeShape, Rebatch: reshapeRebatch, Channels: reshapeChannels, Grad: reshapeGrad, Eval: reshapeEval},
		{Type: "Flatten", Least: 1, Most: 1, Shape: flattenShape, Channels: regroup, Grad: reshapeGrad, Eval: reshapeToOutput},
		{Type: "Squeeze", Least: 1, Most: 2, Upgrade: axesUpgrade, Shape: squeezeShape, Channels: regroup, Grad: reshapeGrad, Eval: reshapeToOutput},
		{Type: "Unsqueeze", Least: 2, Most: 2, Upgrade: axesUpgrade, Shape: unsqueezeShape, Channels: regroup, Grad: reshapeGrad, Eval: reshapeToOutput},
		{Type: "Transpose", Least: 1, Most: 1, Shape: transposeShape, Channels: transposeChannels, Grad: transposeGrad, Eval: transposeEval},
	}
}

// readsShape leaves axes as free as they are: a shape that is read follows what is removed.
func readsShape(c *Coupling, n *graph.Node) {
	x := n.Inputs[0]
	for axis := range x.Shape {
		c.Same(x, axis, x, axis)
	}
}

func shapeShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	if x.Shape == nil {
		return []Type{{DType: graph.Int64, Shape: graph.Shape{graph.Unknown}}}, nil
	}
	rank := int64(len(x.Shape))
	clamp := func(i int64) int64 {
		if i < 0 {
			i += rank
		}
		return min(max(i, 0), rank)
	}
	start, end := clamp(n.Int("start", 0)), clamp(n.Int("end", rank))
	part := x.Shape[start:max(start, end)].Clone()
	if part == nil {
		part = graph.Shape{}
	}
	return []Type{{DType: graph.Int64, Shape: graph.Dims(len(part)), Elems: part}}, nil
}

func shapeEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	var dims []int64
	at := *n
	at.Inputs = []*graph.Value{{Shape: in[0].Shape()}}
	t, err := shapeShape(&at)
	if err != nil {
		return nil, err
	}
	for _, d := range t[0].Elems {
		dims = append(dims, int64(d.Size))
	}
	return []*graph.Tensor{graph.Ints(dims...)}, nil
}

func sizeShape(n *graph.Node) ([]Type, error) {
	t := Type{DType: graph.Int64, Shape: graph.Shape{}}
	if n.Inputs[0].Shape.Static() {
		t.Elems = graph.Dims(n.Inputs[0].Shape.Elements())
	}
	return []Type{t}, nil
}

func sizeEval(_ *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	return []*graph.Tensor{graph.Scalar(graph.Int64, float64(in[0].Len()))}, nil
}

// constantTensor reads any of Constant's value attributes.
func constantTensor(n *graph.Node) (*graph.Tensor, error) {
	switch {
	case n.Tensor("value") != nil:
		return n.Tensor("value"), nil
	case n.Has("value_int"):
		return graph.FromInt64(nil, []int64{n.Int("value_int", 0)}), nil
	case n.Has("value_ints"):
		return graph.Ints(n.Ints("value_ints")...), nil
	case n.Has("value_float"):
		return graph.FromFloat32(nil, []float32{float32(n.Float("value_float", 0))}), nil
	case n.Has("value_floats"):
		v, _ := n.Attrs["value_floats"].([]float32)
		return graph.FromFloat32([]int{len(v)}, v), nil
	}
	return nil, Errorf(n, ErrUnsupported, "a constant that is given neither as a tensor nor as numbers")
}

func constantShape(n *graph.Node) ([]Type, error) {
	t, err := constantTensor(n)
	if err != nil {
		return nil, err
	}
	return []Type{{DType: t.DType, Shape: t.Shape(), Elems: elems(&graph.Value{Const: t})}}, nil
}

func constantEval(n *graph.Node, _ []*graph.Tensor) ([]*graph.Tensor, error) {
	t, err := constantTensor(n)
	return []*graph.Tensor{t}, err
}

// fill is the one element that ConstantOfShape repeats; a float32 zero where it is not given.
func fill(n *graph.Node) *graph.Tensor {
	if t := n.Tensor("value"); t != nil && t.Len() == 1 {
		return t
	}
	return graph.NewTensor(graph.Float32, 1)
}

func constantOfShapeShape(n *graph.Node) ([]Type, error) {
	t := Type{DType: fill(n).DType, Shape: elems(n.Inputs[0]).Clone()}
	if f := fill(n).Int64s(); len(t.Shape) == 1 && t.Shape.Static() && t.Shape[0].Size <= maxElems && f != nil {
		t.Elems = slices.Repeat(graph.Dims(int(f[0])), t.Shape[0].Size)
	}
	return []Type{t}, nil
}

func constantOfShapeEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	dims, err := checkDims(n, in[0].Int64s())
	if err != nil {
		return nil, err
	}
	f := fill(n)
	return []*graph.Tensor{graph.FromValues(f.DType, dims, slices.Repeat(f.Values(), graph.Product(dims)))}, nil
}

// maxElements bounds what an op that makes tensors from a shape may make.
const maxElements = 1 << 30

// checkDims refuses dims that are negative, or whose product is beyond what is sane.
func checkDims(n *graph.Node, dims []int64) ([]int, error) {
	product := int64(1)
	for _, d := range dims {
		if d < 0 || d > maxElements || product*max(d, 1) > maxElements {
			return nil, Errorf(n, ErrMalformed, "shape %v", dims)
		}
		product *= max(d, 1)
	}
	return sizes(dims), nil
}

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

// axesUpgrade moves the axes from an attribute to an input.
func axesUpgrade(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
	if !n.Has("axes") {
		return nil
	}
	return []*graph.Value{b.Op(n.Op, nil, n.Inputs[0], b.Ints(n.Ints("axes")...))}
}

func flattenShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	if x.Shape == nil {
		t.Shape = graph.Shape{graph.Unknown, graph.Unknown}
		return []Type{t}, nil
	}
	axis := n.Int("axis", 1)
	if axis < 0 {
		axis += int64(len(x.Shape))
	}
	if axis < 0 || axis > int64(len(x.Shape)) {
		return nil, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", 1))
	}
	t.Shape = graph.Shape{product(x.Shape[:axis]), product(x.Shape[axis:])}
	return []Type{t}, nil
}

// product multiplies extents; a symbol beside ones stays itself.
func product(s graph.Shape) graph.Dim {
	p := graph.D(1)
	for _, d := range s {
		switch {
		case d.Is(1):
		case p.Is(1):
			p = d
		case p.Known() && d.Known():
			p.Size *= d.Size
		default:
			return graph.Unknown
		}
	}
	return p
}

func squeezeShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType, Elems: elems(x)}
	if x.Shape == nil {
		return []Type{t}, nil
	}
	drop := make([]bool, len(x.Shape))
	if n.Input(1) != nil {
		axes, ok := constInts(n.Inputs[1])
		if !ok {
			return []Type{{DType: x.DType}}, nil
		}
		for _, axis := range axes {
			a, ok := graph.Axis(axis, len(x.Shape))
			if !ok || x.Shape[a].Known() && !x.Shape[a].Is(1) {
				return nil, Errorf(n, ErrMalformed, "axis %d", axis)
			}
			drop[a] = true
		}
	} else {
		for i, d := range x.Shape {
			drop[i] = d.Is(1)
		}
	}
	t.Shape = graph.Shape{}
	for i, d := range x.Shape {
		if !drop[i] {
			t.Shape = append(t.Shape, d)
		}
	}
	return []Type{t}, nil
}

func unsqueezeShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	axes, ok := constInts(n.Inputs[1])
	if x.Shape == nil || !ok {
		return []Type{t}, nil
	}
	rank := len(x.Shape) + len(axes)
	added := make([]bool, rank)
	for _, axis := range axes {
		a, ok := graph.Axis(axis, rank)
		if !ok || added[a] {
			return nil, Errorf(n, ErrMalformed, "axis %d of rank %d", axis, rank)
		}
		added[a] = true
	}
	t.Shape = graph.Shape{}
	from := 0
	for _, one := range added {
		if one {
			t.Shape = append(t.Shape, graph.D(1))
			continue
		}
		t.Shape = append(t.Shape, x.Shape[from])
		from++
	}
	if rank <= 1 {
		t.Elems = elems(x)
	}
	return []Type{t}, nil
}

// reshapeToOutput evaluates an op that only changes the shape, by its own shape rule.
func reshapeToOutput(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	at := *n
	at.Inputs = make([]*graph.Value, len(in))
	for i, t := range in {
		if t != nil {
			at.Inputs[i] = &graph.Value{DType: t.DType, Shape: t.Shape(), Const: t}
		}
	}
	types, err := Of(n).Shape(&at)
	if err != nil {
		return nil, err
	}
	dims := types[0].Shape.Sizes()
	if dims == nil && in[0].Len() >= 0 && types[0].Shape.Rank() != 0 || graph.Product(dims) != in[0].Len() {
		return nil, Errorf(n, ErrMalformed, "%v does not become %v", in[0].Dims, types[0].Shape)
	}
	return []*graph.Tensor{in[0].Reshaped(dims...)}, nil
}

func reshapeGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{reshape(b, dy[0], n.Inputs[0].Shape.Sizes()...)}
}

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

package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Ops that tell shapes and make tensors from them: Shape [...] → [end−start], Size [...] → [], Constant,
// ConstantOfShape [r] → […], Range; and ops that give the same elements another shape: Reshape, Flatten, Squeeze,
// Unsqueeze. History: Shape has start and end since opset 15; Squeeze and Unsqueeze took their axes as an attribute
// before 13. Not supported: sparse constants.
// https://onnx.ai/onnx/operators/onnx__Shape.html and its neighbours.
func shapes() []*Spec {
	return []*Spec{
		{Type: "Shape", AnyType: true, Least: 1, Most: 1, NoGrad: true, Shape: shapeShape, Channels: readsShape,
			Eval: shapeEval},
		{Type: "Size", AnyType: true, Least: 1, Most: 1, NoGrad: true, Shape: sizeShape, Channels: readsShape,
			Eval: sizeEval},
		{Type: "Constant", NoGrad: true, Shape: constantShape, Eval: constantEval},
		{Type: "ConstantOfShape", Least: 1, Most: 1, NoGrad: true, Shape: constantOfShapeShape,
			Channels: constantOfShapeChannels, Eval: constantOfShapeEval},
		{Type: "Range", Least: 3, Most: 3, NoGrad: true, Shape: rangeShape, Eval: rangeEval},
		{Type: "Reshape", AnyType: true, Least: 2, Most: 2, Shape: reshapeShape, Rebatch: reshapeRebatch,
			Channels: reshapeChannels, Grad: reshapeGrad, Eval: reshapeEval},
		{Type: "Flatten", AnyType: true, Least: 1, Most: 1, Shape: flattenShape, Channels: regroup, Grad: reshapeGrad,
			Eval: reshapeToOutput},
		{Type: "Squeeze", AnyType: true, Least: 1, Most: 2, Upgrade: axesUpgrade, Shape: squeezeShape, Channels: regroup,
			Grad: reshapeGrad, Eval: reshapeToOutput},
		{Type: "Unsqueeze", AnyType: true, Least: 2, Most: 2, Upgrade: axesUpgrade, Shape: unsqueezeShape, Channels: regroup,
			Grad: reshapeGrad, Eval: reshapeToOutput},
	}
}

// readsShape leaves axes as free as they are: a shape that is read follows what is removed.
func readsShape(c *Coupling, n *graph.Node) {
	x := n.Inputs[0]
	for axis := range x.Shape {
		c.tie(x, axis, x, axis)
	}
}

// shapePart is what Shape tells of a shape.
func shapePart(n *graph.Node, s graph.Shape) graph.Shape {
	rank := int64(len(s))
	clamp := func(i int64) int64 {
		if i < 0 {
			i += rank
		}
		return min(max(i, 0), rank)
	}
	start, end := clamp(n.Int("start", 0)), clamp(n.Int("end", rank))
	return append(graph.Shape{}, s[start:max(start, end)]...)
}

func shapeShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	if x.Shape == nil {
		return []Type{{DType: graph.Int64, Shape: graph.Shape{graph.Unknown}}}, nil
	}
	part := shapePart(n, x.Shape)
	return []Type{{DType: graph.Int64, Shape: graph.Dims(len(part)), Elems: part}}, nil
}

func shapeEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	return []*graph.Tensor{graph.Ints(int64s(shapePart(n, in[0].Shape()).Sizes())...)}, nil
}

func sizeShape(n *graph.Node) ([]Type, error) {
	t := Type{DType: graph.Int64, Shape: graph.Shape{}}
	if s := n.Inputs[0].Shape; s != nil {
		t.Elems = graph.Shape{product(s)}
	}
	return []Type{t}, nil
}

func sizeEval(_ *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	return []*graph.Tensor{graph.FromInt64(nil, []int64{int64(in[0].Len())})}, nil
}

// constantTensor reads any of Constant's value attributes, nil where there is none that is known.
func constantTensor(n *graph.Node) *graph.Tensor {
	switch {
	case n.Tensor("value") != nil:
		return n.Tensor("value")
	case n.Has("value_int"):
		return graph.FromInt64(nil, []int64{n.Int("value_int", 0)})
	case n.Has("value_ints"):
		return graph.Ints(n.Ints("value_ints")...)
	case n.Has("value_float"):
		return graph.FromFloat32(nil, []float32{float32(n.Float("value_float", 0))})
	case n.Has("value_floats"):
		v, _ := n.Attrs["value_floats"].([]float32)
		return graph.FromFloat32([]int{len(v)}, v)
	case n.Has("value_string"):
		return &graph.Tensor{DType: graph.String, Data: []string{n.String("value_string", "")}}
	case n.Has("value_strings"):
		v, _ := n.Attrs["value_strings"].([]string)
		return &graph.Tensor{DType: graph.String, Dims: []int{len(v)}, Data: v}
	}
	return nil
}

// constantOf gives the elements of an initializer or of a Constant node's output; nil for any other value.
func constantOf(v *graph.Value) *graph.Tensor {
	if v != nil && v.Const == nil && v.Producer != nil && v.Producer.Op == "Constant" && v.Producer.Domain == "" {
		return constantTensor(v.Producer)
	}
	if v == nil {
		return nil
	}
	return v.Const
}

func constantShape(n *graph.Node) ([]Type, error) {
	t := constantTensor(n)
	if t == nil {
		return []Type{{}}, nil
	}
	return []Type{{DType: t.DType, Shape: t.Shape(), Elems: elems(&graph.Value{Const: t})}}, nil
}

func constantEval(n *graph.Node, _ []*graph.Tensor) ([]*graph.Tensor, error) {
	if t := constantTensor(n); t != nil {
		return []*graph.Tensor{t}, nil
	}
	return nil, Errorf(n, ErrUnsupported, "a constant that is neither a tensor nor numbers nor strings")
}

// fill is the one element that ConstantOfShape repeats; a float32 zero where it is not given.
func fill(n *graph.Node) *graph.Tensor {
	if t := n.Tensor("value"); t != nil && t.Len() == 1 {
		return t
	}
	return graph.NewTensor(graph.Float32, 1)
}

func constantOfShapeShape(n *graph.Node) ([]Type, error) {
	shape := elems(n.Inputs[0])
	if err := checkExtents(n, shape); err != nil {
		return nil, err
	}
	t := Type{DType: fill(n).DType, Shape: shape.Clone()}
	if f := fill(n).Int64s(); len(shape) == 1 && shape.Static() && shape[0].Size <= maxElems && f != nil {
		t.Elems = slices.Repeat(graph.Dims(int(f[0])), shape[0].Size)
	}
	return []Type{t}, nil
}

// constantOfShapeChannels leaves axes as free as they are, since all positions are equal; the shape follows.
func constantOfShapeChannels(c *Coupling, n *graph.Node) {
	y := n.Outputs[0]
	for axis := range y.Shape {
		c.tie(y, axis, y, axis)
		follow(c, n, n.Inputs[0], axis, y, axis)
	}
}

func constantOfShapeEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	dims, err := checkDims(n, in[0].Int64s())
	if err != nil {
		return nil, err
	}
	return []*graph.Tensor{arrange(fill(n), dims, make([]int, graph.Product(dims)))}, nil
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

// checkExtents refuses known extents that are negative, or whose product is beyond what is sane.
func checkExtents(n *graph.Node, s graph.Shape) error {
	var known []int64
	for _, d := range s {
		if d.Known() {
			known = append(known, int64(d.Size))
		}
	}
	_, err := checkDims(n, known)
	return err
}

func rangeShape(n *graph.Node) ([]Type, error) {
	t := Type{DType: n.Inputs[0].DType, Shape: graph.Shape{graph.Unknown}}
	var in [3]*graph.Tensor
	for i, v := range n.Inputs {
		if in[i] = constantOf(v); in[i] != nil {
			continue
		}
		ints, ok := constInts(v)
		if !ok || len(ints) != 1 {
			return []Type{t}, nil
		}
		in[i] = graph.FromInt64(nil, ints)
	}
	count, err := rangeCount(n, in[:])
	if err != nil {
		return nil, err
	}
	t.Shape[0] = graph.D(count)
	return []Type{t}, nil
}

// rangeCount is ⌈(limit − start)/delta⌉, at least 0.
func rangeCount(n *graph.Node, in []*graph.Tensor) (int, error) {
	for _, t := range in {
		if t.Len() != 1 || t.DType == graph.String {
			return 0, Errorf(n, ErrMalformed, "bounds that are not scalars")
		}
	}
	start, limit, delta := in[0].Values()[0], in[1].Values()[0], in[2].Values()[0]
	count := math.Ceil((limit - start) / delta)
	if delta == 0 || math.IsNaN(count) || count > maxElements {
		return 0, Errorf(n, ErrMalformed, "from %v to %v by %v", start, limit, delta)
	}
	return int(max(count, 0)), nil
}

func rangeEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	count, err := rangeCount(n, in)
	if err != nil {
		return nil, err
	}
	start, delta := in[0].Values()[0], in[2].Values()[0]
	y := make([]float64, count)
	for i := range y {
		y[i] = start + float64(i)*delta
	}
	return []*graph.Tensor{graph.FromValues(in[0].DType, []int{count}, y)}, nil
}

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

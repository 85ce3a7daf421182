package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Softmax eˣ/Σeˣ, LogSoftmax x − log Σeˣ, and Hardmax, 1 at the first maximum and 0 elsewhere, along an axis: x [...] →
// [...]. History: before opset 13 the input was flattened to a matrix at the axis (default 1), and each row was one
// distribution. https://onnx.ai/onnx/operators/onnx__Softmax.html
func softmax() []*Spec {
	return []*Spec{
		{Type: "Softmax", FromLogits: true, Least: 1, Most: 1, Upgrade: softmaxUpgrade, Shape: softmaxShape,
			Channels: softmaxChannels, Grad: softmaxGrad,
			Eval: softmaxEval(func(x, top, sum float64) float64 { return math.Exp(x-top) / sum }), Tolerance: 1e-5},
		{Type: "LogSoftmax", FromLogits: true, Least: 1, Most: 1, Upgrade: softmaxUpgrade, Shape: softmaxShape,
			Channels: softmaxChannels, Grad: logSoftmaxGrad,
			Eval: softmaxEval(func(x, top, sum float64) float64 { return x - top - math.Log(sum) }), Tolerance: 1e-5},
		composite(&Spec{Type: "Hardmax", Least: 1, Most: 1}, hardmax),
	}
}

func hardmax(b *graph.Builder, n *graph.Node) []*graph.Value {
	x := n.Inputs[0]
	axis, ok := graph.Axis(n.Int("axis", -1), len(x.Shape))
	switch {
	case x.Shape == nil || ok && !x.Shape[axis].Known():
		return nil
	case !ok:
		b.Fail("%w", Errorf(n, ErrMalformed, "axis %d", n.Int("axis", -1)))
		return nil
	}
	at := b.Op("ArgMax", graph.Attrs{"axis": int64(axis), "keepdims": int64(0)}, x)
	values := b.Const("off, on", graph.FromValues(x.DType, []int{2}, []float64{0, 1}))
	return []*graph.Value{b.Op("OneHot", graph.Attrs{"axis": int64(axis)}, at,
		b.Scalar(graph.Int64, float64(x.Shape[axis].Size)), values)}
}

func softmaxShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	if x.Shape != nil {
		if _, ok := graph.Axis(n.Int("axis", -1), len(x.Shape)); !ok {
			return nil, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", -1))
		}
	}
	return sameAsFirst(n)
}

func softmaxUpgrade(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value {
	x := n.Input(0)
	if opset >= 13 || x == nil {
		return nil
	}
	axis := n.Int("axis", 1)
	if a, ok := graph.Axis(axis, len(x.Shape)); ok && product(x.Shape[a+1:]).Is(1) {
		return []*graph.Value{b.Op(n.Op, graph.Attrs{"axis": int64(a)}, x)} // rows lie along the axis itself
	}
	flat := b.Op("Flatten", graph.Attrs{"axis": axis}, x)
	y := b.Op(n.Op, graph.Attrs{"axis": int64(-1)}, flat)
	return []*graph.Value{b.Op("Reshape", nil, y, b.Op("Shape", nil, x))}
}

// softmaxChannels couples the axes that are not normalised over. Fewer elements along that one would raise the others.
func softmaxChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	along, ok := graph.Axis(n.Int("axis", -1), len(x.Shape))
	if !ok {
		return
	}
	for axis := range x.Shape {
		if axis == along {
			c.fix(x, axis, "node "+n.Name+" ("+n.OpName()+") normalises over it")
			continue
		}
		c.tie(x, axis, y, axis)
	}
}

// y·(dy − Σ dy·y)
func softmaxGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	y := n.Outputs[0]
	sum := b.Op("ReduceSum", graph.Attrs{"keepdims": int64(1)}, b.Op("Mul", nil, dy[0], y), b.Ints(n.Int("axis", -1)))
	return []*graph.Value{b.Op("Mul", nil, y, b.Op("Sub", nil, dy[0], sum))}
}

// dy − eʸ·Σ dy
func logSoftmaxGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	sum := b.Op("ReduceSum", graph.Attrs{"keepdims": int64(1)}, dy[0], b.Ints(n.Int("axis", -1)))
	return []*graph.Value{b.Op("Sub", nil, dy[0], b.Op("Mul", nil, b.Op("Exp", nil, n.Outputs[0]), sum))}
}

func softmaxEval(f func(x, top, sum float64) float64) func(*graph.Node, []*graph.Tensor) ([]*graph.Tensor, error) {
	return func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
		x := in[0]
		axis, ok := graph.Axis(n.Int("axis", -1), len(x.Dims))
		if !ok {
			return nil, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", -1))
		}
		v := x.Values()
		size, inner := x.Dims[axis], graph.Product(x.Dims[axis+1:])
		for outer := range graph.Product(x.Dims[:axis]) {
			for i := range inner {
				at := func(k int) *float64 { return &v[(outer*size+k)*inner+i] }
				top, sum := math.Inf(-1), 0.0
				for k := range size {
					top = max(top, *at(k))
				}
				for k := range size {
					sum += math.Exp(*at(k) - top)
				}
				for k := range size {
					*at(k) = f(*at(k), top, sum)
				}
			}
		}
		return []*graph.Tensor{graph.FromValues(x.DType, x.Dims, v)}, nil
	}
}

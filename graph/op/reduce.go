package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Reductions over axes: data [...], axes [k] → [...] with the reduced extents 1, or gone with keepdims 0. Without axes
// all are reduced, unless noop_with_empty_axes; with it and without axes, elements are reduced one by one. The gradient
// of ReduceMax and ReduceMin goes to the first extreme.
// History: axes were an attribute before opset 13 (ReduceSum) and 18 (the others).
// https://onnx.ai/onnx/operators/onnx__ReduceMean.html and its neighbours.
func reductions() []*Spec {
	reduce := func(op string, f func(v []float64) float64, grad gradFunc) *Spec {
		return &Spec{Type: op, Least: 1, Most: 2, Upgrade: reduceUpgrade, Shape: reduceShape, Channels: reduceChannels,
			Grad: grad, Eval: reduceEval(f), Tolerance: 1e-5}
	}
	fold := func(initial float64, f func(y, x float64) float64) func(v []float64) float64 {
		return func(v []float64) float64 {
			y := initial
			for _, x := range v {
				y = f(y, x)
			}
			return y
		}
	}
	sum := fold(0, func(y, x float64) float64 { return y + x })
	squares := fold(0, func(y, x float64) float64 { return y + x*x })
	highest := fold(math.Inf(-1), math.Max)
	return []*Spec{
		reduce("ReduceSum", sum, reduceSumGrad),
		reduce("ReduceMean", func(v []float64) float64 { return sum(v) / float64(len(v)) }, reduceMeanGrad),
		reduce("ReduceSumSquare", squares, reduceSquaresGrad),
		reduce("ReduceL1", fold(0, func(y, x float64) float64 { return y + math.Abs(x) }), reduceL1Grad),
		reduce("ReduceL2", func(v []float64) float64 { return math.Sqrt(squares(v)) }, reduceL2Grad),
		reduce("ReduceLogSum", func(v []float64) float64 { return math.Log(sum(v)) }, reduceLogSumGrad),
		reduce("ReduceLogSumExp", func(v []float64) float64 {
			top := highest(v)
			if math.IsInf(top, 0) {
				return top // of nothing, or beyond any sum
			}
			return top + math.Log(fold(0, func(y, x float64) float64 { return y + math.Exp(x-top) })(v))
		}, reduceLogSumExpGrad),
		reduce("ReduceMax", highest, reduceExtremeGrad),
		reduce("ReduceMin", fold(math.Inf(1), math.Min), reduceExtremeGrad),
		reduce("ReduceProd", fold(1, func(y, x float64) float64 { return y * x }), reduceProdGrad),
	}
}

// reduceUpgrade moves the axes from an attribute to an input.
func reduceUpgrade(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
	if !n.Has("axes") {
		return nil
	}
	return []*graph.Value{b.Op(n.Op, graph.Attrs{"keepdims": n.Int("keepdims", 1)}, n.Input(0), b.Ints(n.Ints("axes")...))}
}

func keepsDims(n *graph.Node) bool { return n.Int("keepdims", 1) != 0 }

// reducedAxes says of each axis of a value of that rank whether it is reduced.
func reducedAxes(n *graph.Node, rank int, axes []int64) ([]bool, error) {
	if len(axes) == 0 {
		return slices.Repeat([]bool{n.Int("noop_with_empty_axes", 0) == 0}, rank), nil
	}
	reduced := make([]bool, rank)
	for _, axis := range axes {
		a, ok := graph.Axis(axis, rank)
		if !ok {
			return nil, Errorf(n, ErrMalformed, "axis %d", axis)
		}
		reduced[a] = true
	}
	return reduced, nil
}

// nodeReduced is reducedAxes for a node; nil where the axes or the rank are not known.
func nodeReduced(n *graph.Node) ([]bool, error) {
	x := n.Inputs[0]
	var axes []int64
	if v := n.Input(1); v != nil {
		ints, ok := constInts(v)
		if !ok {
			return nil, nil
		}
		axes = ints
	}
	if x.Shape == nil {
		return nil, nil
	}
	return reducedAxes(n, len(x.Shape), axes)
}

func reduceShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	t := Type{DType: x.DType}
	reduced, err := nodeReduced(n)
	if err != nil {
		return nil, err
	}
	if reduced == nil {
		if x.Shape != nil && keepsDims(n) {
			t.Shape = slices.Repeat(graph.Shape{graph.Unknown}, len(x.Shape))
		}
		return []Type{t}, nil
	}
	t.Shape = graph.Shape{}
	for i, d := range x.Shape {
		switch {
		case !reduced[i]:
			t.Shape = append(t.Shape, d)
		case keepsDims(n):
			t.Shape = append(t.Shape, graph.D(1))
		}
	}
	return []Type{t}, nil
}

// statistic lists the reductions that tell as much of some channels as of all.
var statistic = []string{"ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceMax"}

// reduceChannels couples the axes that stay. A reduction over channels is another function of fewer channels: a
// statistic of them may do as well, any other keeps them.
func reduceChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	reduced, err := nodeReduced(n)
	if err != nil || reduced == nil {
		return
	}
	out := 0
	for i := range x.Shape {
		switch why := "node " + n.Name + " (" + n.OpName() + ") reduces over it"; {
		case reduced[i] && slices.Contains(statistic, n.Op):
			c.loosen(x, i, why)
		case reduced[i]:
			c.fix(x, i, why)
		default:
			c.tie(x, i, y, out)
		}
		if !reduced[i] || keepsDims(n) {
			out++
		}
	}
}

func reduceEval(f func(v []float64) float64) evalFunc {
	return func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
		x := in[0]
		dims, out, axis, err := reduction(n, in)
		if err != nil {
			return nil, err
		}
		sets := make([][]float64, graph.Product(dims))
		v := x.Values()
		walk(x.Dims, func(i int, at []int) { sets[at[0]] = append(sets[at[0]], v[i]) }, axis)
		y := make([]float64, len(sets))
		for i, s := range sets {
			y[i] = f(s)
		}
		return []*graph.Tensor{graph.FromValues(x.DType, out, y)}, nil
	}
}

// reduction gives the input's dims with the reduced ones 1, those of the output, and, for each axis of the input, the
// stride in the output.
func reduction(n *graph.Node, in []*graph.Tensor) (kept, out, step []int, err error) {
	x := in[0]
	var axes []int64
	if len(in) > 1 && in[1] != nil {
		axes = in[1].Int64s()
	}
	reduced, err := reducedAxes(n, len(x.Dims), axes)
	if err != nil {
		return nil, nil, nil, err
	}
	kept, out = slices.Clone(x.Dims), []int{}
	for i, r := range reduced {
		if r {
			kept[i] = 1
		}
		if !r || keepsDims(n) {
			out = append(out, kept[i])
		}
	}
	return kept, out, graph.Strides(kept, x.Dims), nil
}

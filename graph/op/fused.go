package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Fused ops: an op with the elementwise ops that follow it, so that an engine can compute them in one pass over memory.
// Their attributes are those of the op, and min and max, between which the result is clamped; either may be absent.
// Z [...], a further term, has the shape of the result, and may be absent.
//
//	FusedConv(X, W, B, Z) → Y = clamp(Conv(X, W, B) + Z)
//	FusedConvGradInput(dY, W, Z) → dX = clamp(ConvGradInput(dY, W) + Z)
//	FusedBatchNormTrain(X, scale, B, running_mean, running_var, Z) → Y = clamp(… + Z), and BatchNormTrain's others
//	ClampGrad(dY [...], Y [...]) → dX [...]: dY where min < Y < max, else 0
//	FusedBatchNormGrad(dY, X, scale, batch_mean, inv_std, Y) → dX, dScale, dB: those of BatchNormGrad for the dY that
//		ClampGrad(dY, Y) gives, and that itself: dZ
func fused() []*Spec {
	return []*Spec{
		{
			Type: "FusedConv", Domain: Macro, Least: 2, Most: 4, Shape: fusedShape(convShape, 3), MACs: convMACs,
			Eval: fusedEval(convEval, 3), Lower: fusedLower(convAgain, 3), Tolerance: 2e-5,
		},
		{
			Type: "FusedConvGradInput", Domain: Macro, Least: 2, Most: 3, Shape: fusedShape(convGradShape, 2),
			MACs: convGradMACs,
			Eval: fusedEval(convGradInputEval, 2), Lower: fusedLower(convGradInputLower, 2), Tolerance: 2e-5,
		},
		{
			Type: "FusedBatchNormTrain", Domain: Macro, Least: 5, Most: 6, Shape: fusedShape(fusedBatchNormShape, 5),
			Eval: fusedEval(batchNormTrainEval, 5), Lower: fusedLower(batchNormTrainLower, 5), Tolerance: 1e-4,
		},
		{
			Type: "ClampGrad", Domain: Macro, Least: 2, Most: 2, Shape: clampGradShape, Eval: clampGradEval,
			Lower: clampGradLower,
		},
		{
			Type: "FusedBatchNormGrad", Domain: Macro, Least: 6, Most: 6, Shape: fusedBatchNormGradShape,
			Eval: fusedBatchNormGradEval, Lower: fusedBatchNormGradLower, Tolerance: 1e-4,
		},
	}
}

// Bounds are those that a fused op clamps to; infinite where there are none.
func Bounds(n *graph.Node) (least, most float64) {
	return n.Float("min", math.Inf(-1)), n.Float("max", math.Inf(1))
}

// fusedShape is the shape rule of an op with a further term, its input z.
func fusedShape(of func(*graph.Node) ([]Type, error), z int) func(*graph.Node) ([]Type, error) {
	return func(n *graph.Node) ([]Type, error) {
		types, err := of(n)
		if err != nil {
			return nil, err
		}
		y := types[0].Shape
		if v := n.Input(z); v != nil && v.Shape.Static() && y.Static() && !v.Shape.Equal(y) {
			return nil, Errorf(n, ErrMalformed, "a term %v to a result %v", v.Shape, y)
		}
		return types, nil
	}
}

func fusedBatchNormShape(n *graph.Node) ([]Type, error) {
	plain := *n
	plain.Inputs = n.Inputs[:5]
	return batchNormTrainShape(&plain)
}

func fusedEval(of evalFunc, z int) evalFunc {
	return func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
		out, err := of(n, in[:min(z, len(in))])
		if err != nil {
			return nil, err
		}
		y := out[0].Values()
		if len(in) > z && in[z] != nil {
			for i, v := range in[z].Values() {
				y[i] += v
			}
		}
		least, most := Bounds(n)
		for i, v := range y {
			y[i] = min(max(v, least), most)
		}
		out[0] = graph.FromValues(out[0].DType, out[0].Dims, y)
		return out, nil
	}
}

type lowerFunc = func(*graph.Builder, *graph.Node) []*graph.Value

func convAgain(b *graph.Builder, n *graph.Node) []*graph.Value {
	return []*graph.Value{b.Op("Conv", withAttrs(n, graph.Attrs{"min": nil, "max": nil}), n.Inputs...)}
}

// fusedLower is what of appends for the op that is fused, and what follows it.
func fusedLower(of lowerFunc, z int) lowerFunc {
	return func(b *graph.Builder, n *graph.Node) []*graph.Value {
		plain := *n
		plain.Inputs = n.Inputs[:min(z, len(n.Inputs))]
		out := of(b, &plain)
		if term := n.Input(z); term != nil {
			out[0] = b.Op("Add", nil, out[0], term)
		}
		bounds := []*graph.Value{out[0], nil, nil}
		for i, name := range []string{"min", "max"} {
			if n.Has(name) {
				bounds[i+1] = b.Scalar(out[0].DType, n.Float(name, 0))
			}
		}
		if bounds[1] != nil || bounds[2] != nil {
			out[0] = b.Op("Clip", nil, bounds...)
		}
		return out
	}
}

func clampGradShape(n *graph.Node) ([]Type, error) {
	if dy, y := n.Inputs[0].Shape, n.Inputs[1].Shape; dy.Static() && y.Static() && !dy.Equal(y) {
		return nil, Errorf(n, ErrMalformed, "gradient and result differ in shape")
	}
	return sameAsFirst(n)
}

func clampGradEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	least, most := Bounds(n)
	dy := in[0].Values()
	for i, y := range in[1].Values() {
		if !(least < y && y < most) {
			dy[i] = 0
		}
	}
	return []*graph.Tensor{graph.FromValues(in[0].DType, in[0].Dims, dy)}, nil
}

func clampGradLower(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, y := n.Inputs[0], n.Inputs[1]
	var inside *graph.Value
	if n.Has("min") {
		inside = b.Op("Greater", nil, y, b.Scalar(y.DType, n.Float("min", 0)))
	}
	if n.Has("max") {
		below := b.Op("Less", nil, y, b.Scalar(y.DType, n.Float("max", 0)))
		if inside != nil {
			below = b.Op("And", nil, inside, below)
		}
		inside = below
	}
	if inside == nil {
		return []*graph.Value{b.Op("Identity", nil, dy)}
	}
	return []*graph.Value{b.Op("Where", nil, inside, dy, b.Scalar(dy.DType, 0))}
}

func fusedBatchNormGradShape(n *graph.Node) ([]Type, error) {
	if dy, y := n.Inputs[0].Shape, n.Inputs[5].Shape; !dy.Static() || !dy.Equal(y) {
		return nil, Errorf(n, ErrMalformed, "gradient and result differ in shape")
	}
	plain := *n
	plain.Inputs = n.Inputs[:5]
	types, err := batchNormGradShape(&plain)
	return append(types, Type{DType: n.Inputs[0].DType, Shape: n.Inputs[0].Shape.Clone()}), err
}

func fusedBatchNormGradEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	dz, err := clampGradEval(n, []*graph.Tensor{in[0], in[5]})
	if err != nil {
		return nil, err
	}
	plain := *n
	plain.Outputs = n.Outputs[:min(3, len(n.Outputs))]
	out, err := batchNormGradEval(&plain, append(dz, in[1:5]...))
	if err != nil || len(n.Outputs) < 4 {
		return out, err
	}
	return append(out, dz...), nil
}

func fusedBatchNormGradLower(b *graph.Builder, n *graph.Node) []*graph.Value {
	plain := *n
	plain.Inputs = []*graph.Value{n.Inputs[0], n.Inputs[5]}
	dz := clampGradLower(b, &plain)
	plain.Inputs, plain.Outputs = append(dz, n.Inputs[1:5]...), make([]*graph.Value, 3)
	return append(batchNormGradLower(b, &plain), dz...)[:len(n.Outputs)]
}

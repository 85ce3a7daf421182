package op

import (
	"maps"
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Batch normalisation (Ioffe, Szegedy 2015). X: [N,C,…], scale, B, mean, var: [C] → Y: [N,C,…]:
//
//	Y = scale·(X − mean)/√(var + epsilon) + B
//
// BatchNormalization stands for this inference form only; a training form that was exported (is_test 0 before opset 7,
// training_mode 1 since 14) is taken as inference by its Upgrade. Not supported: spatial 0 (before opset 9) with
// spatial axes. https://onnx.ai/onnx/operators/onnx__BatchNormalization.html
//
// The training form is the macro op BatchNormTrain, which normalises by the statistics of the batch, and its gradient
// BatchNormGrad:
//
//	BatchNormTrain(X, scale, B, running_mean, running_var) → Y, new_running_mean, new_running_var, batch_mean,
//		inv_std: all but Y [C]
//	  batch_mean, var: mean and population variance over all axes but C;  inv_std = 1/√(var + epsilon)
//	  new_running = momentum·running + (1 − momentum)·batch
//	BatchNormGrad(dY, X, scale, batch_mean, inv_std) → dX, dScale, dB
func normalisation() []*Spec {
	return []*Spec{
		{
			Type: "BatchNormalization", Role: Normalisation, Least: 5, Most: 5, Upgrade: batchNormInference,
			Shape:    batchNormShape,
			Channels: batchNormChannels, Grad: batchNormInferenceGrad, Eval: batchNormEval, Train: batchNormTrain,
			Tolerance: 1e-5,
		},
		{
			Type: "BatchNormTrain", Domain: Macro, Least: 5, Most: 5, Shape: batchNormTrainShape,
			Channels: batchNormChannels, Grad: batchNormTrainGrad, Eval: batchNormTrainEval, Lower: batchNormTrainLower,
			Tolerance: 1e-4,
		},
		{
			Type: "BatchNormGrad", Domain: Macro, Least: 5, Most: 5, Shape: batchNormGradShape,
			Eval: batchNormGradEval, Lower: batchNormGradLower, Tolerance: 1e-4,
		},
		{
			Type: "LayerNormalization", Role: Normalisation, Least: 2, Most: 3, Shape: layerNormShape,
			Channels: layerNormChannels, Grad: layerNormGrad, Eval: layerNormEval, Tolerance: 1e-5,
		},
	}
}

// ONNX's defaults.
const (
	defaultEpsilon  = 1e-5
	defaultMomentum = 0.9
)

// batchNormInference drops the training form and attributes of old opsets. Statistics that training would give are
// those it was given.
func batchNormInference(b *graph.Builder, n *graph.Node, _ int64) []*graph.Value {
	if len(n.Inputs) != 5 || slices.Contains(n.Inputs, nil) || len(n.Outputs) > 5 {
		return nil // Shape reports it
	}
	if n.Int("spatial", 1) == 0 && n.Inputs[0].Shape.Rank() != 2 {
		b.Fail("%w", Errorf(n, ErrUnsupported, "statistics per position (spatial 0)"))
		return nil
	}
	if len(n.Outputs) == 1 && !n.Has("is_test") && !n.Has("consumed_inputs") && !n.Has("spatial") &&
		n.Int("training_mode", 0) == 0 {
		return nil
	}
	attrs := withAttrs(n, graph.Attrs{"is_test": nil, "consumed_inputs": nil, "spatial": nil, "training_mode": nil})
	mean, variance := n.Inputs[3], n.Inputs[4]
	out := []*graph.Value{b.Op("BatchNormalization", attrs, n.Inputs...), mean, variance, mean, variance}
	return out[:len(n.Outputs)]
}

// batchNormTrain normalises by the statistics of the batch; inputs 3 and 4, the running statistics, follow it.
func batchNormTrain(b *graph.Builder, n *graph.Node) ([]*graph.Value, map[int]*graph.Value) {
	out := b.Ops("ildc.BatchNormTrain", 5, maps.Clone(n.Attrs), n.Inputs...)
	return out[:1], map[int]*graph.Value{3: out[1], 4: out[2]}
}

// batchNormShape also allows for the further outputs of training forms, which Upgrade removes.
func batchNormShape(n *graph.Node) ([]Type, error) {
	channel, err := checkBatchNorm(n, n.Inputs[0], n.Inputs[1:])
	if err != nil {
		return nil, err
	}
	x := n.Inputs[0]
	types := []Type{{DType: x.DType, Shape: x.Shape.Clone()}}
	for range 4 {
		types = append(types, Type{DType: n.Inputs[3].DType, Shape: channel.Clone()})
	}
	return types, nil
}

// checkBatchNorm reports parameters that do not fit x, and gives their shape, [C].
func checkBatchNorm(n *graph.Node, x *graph.Value, params []*graph.Value) (graph.Shape, error) {
	if x.Shape == nil {
		return nil, nil
	}
	if len(x.Shape) < 2 {
		return nil, Errorf(n, ErrMalformed, "want rank 2 or more")
	}
	if n.Int("spatial", 1) == 0 && len(x.Shape) > 2 {
		return nil, Errorf(n, ErrUnsupported, "statistics per position (spatial 0)")
	}
	c := x.Shape[1]
	for _, p := range params {
		if p.Shape != nil && (len(p.Shape) != 1 || c.Known() && p.Shape[0].Known() && p.Shape[0] != c) {
			return nil, Errorf(n, ErrMalformed, "parameter %v: want [%v]", p.Shape, c)
		}
	}
	return graph.Shape{c}, nil
}

// batchNormChannels couples the parameters with axis 1, and every axis of X with Y's.
func batchNormChannels(c *Coupling, n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	if len(x.Shape) < 2 {
		return
	}
	for axis := range x.Shape {
		c.tie(x, axis, y, axis)
	}
	for _, p := range n.Inputs[1:] {
		c.tie(p, 0, x, 1)
	}
	for _, p := range n.Outputs[1:] {
		if p != nil {
			c.tie(p, 0, x, 1)
		}
	}
}

func batchNormEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	if n.Int("training_mode", 0) != 0 || len(n.Outputs) != 1 {
		return nil, Errorf(n, ErrUnsupported, "the training form; bring the node to inference form first")
	}
	x := in[0]
	epsilon := n.Float("epsilon", defaultEpsilon)
	scale, bias, mean, variance := in[1].Values(), in[2].Values(), in[3].Values(), in[4].Values()
	y := x.Values()
	for i, c := range channelOf(x.Dims) {
		y[i] = scale[c]*(y[i]-mean[c])/math.Sqrt(variance[c]+epsilon) + bias[c]
	}
	return []*graph.Tensor{graph.FromValues(x.DType, x.Dims, y)}, nil
}

// channelOf gives the channel of each element of [N,C,…].
func channelOf(dims []int) []int {
	out := make([]int, graph.Product(dims))
	inner := graph.Product(dims[2:])
	for i := range out {
		out[i] = i / inner % dims[1]
	}
	return out
}

// With x̂ = (X − mean)/√(var + epsilon): dX = dY·scale/√(var + epsilon), dScale = Σ dY·x̂, dB = Σ dY,
// dmean = −scale/√(var + epsilon)·dB, dvar = −½·scale/(var + epsilon)·dScale.
func batchNormInferenceGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, scale, mean, variance := n.Inputs[0], n.Inputs[1], n.Inputs[3], n.Inputs[4]
	epsilon := n.Float("epsilon", defaultEpsilon)
	attrs := graph.Attrs{"epsilon": float32(epsilon)}
	channels := scale.Shape.Elements()
	zeros, ones := constant(b, scale.DType, 0, channels), constant(b, scale.DType, 1, channels)
	dx := b.Op("BatchNormalization", attrs, dy[0], scale, zeros, zeros, variance)
	normal := b.Op("BatchNormalization", attrs, x, ones, zeros, mean, variance)
	dScale := sumPerChannel(b, b.Op("Mul", nil, dy[0], normal))
	dBias := sumPerChannel(b, dy[0])
	shifted := b.Op("Add", nil, variance, b.Scalar(variance.DType, epsilon))
	dMean := b.Op("Neg", nil, b.Op("Mul", nil, b.Op("Div", nil, scale, b.Op("Sqrt", nil, shifted)), dBias))
	dVariance := b.Op("Mul", nil, b.Op("Mul", nil, b.Op("Div", nil, scale, shifted), dScale),
		b.Scalar(variance.DType, -0.5))
	return []*graph.Value{dx, dScale, dBias, dMean, dVariance}
}

// constant is a constant of these dims with all elements v.
func constant(b *graph.Builder, dtype graph.DType, v float64, dims ...int) *graph.Value {
	values := make([]float64, graph.Product(dims))
	for i := range values {
		values[i] = v
	}
	return b.Const("constant", graph.FromValues(dtype, dims, values))
}

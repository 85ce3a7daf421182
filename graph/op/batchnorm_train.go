package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

func batchNormTrainShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	channel, err := checkBatchNorm(n, x, n.Inputs[1:])
	if err != nil {
		return nil, err
	}
	types := []Type{{DType: x.DType, Shape: x.Shape.Clone()}}
	for range 4 {
		types = append(types, Type{DType: x.DType, Shape: channel.Clone()})
	}
	return types, nil
}

// statistics gives mean and population variance of each channel of [N,C,…], the variance from centred values.
func statistics(dims []int, x []float64) (mean, variance []float64) {
	mean, variance = make([]float64, dims[1]), make([]float64, dims[1])
	channel := channelOf(dims)
	count := float64(len(x)) / float64(dims[1])
	for i, c := range channel {
		mean[c] += x[i] / count
	}
	for i, c := range channel {
		variance[c] += (x[i] - mean[c]) * (x[i] - mean[c]) / count
	}
	return mean, variance
}

func batchNormTrainEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	dims, x := in[0].Dims, in[0].Values()
	scale, bias, runningMean, runningVar := in[1].Values(), in[2].Values(), in[3].Values(), in[4].Values()
	epsilon, momentum := n.Float("epsilon", defaultEpsilon), n.Float("momentum", defaultMomentum)
	mean, variance := statistics(dims, x)
	inv := make([]float64, len(mean))
	for c := range inv {
		inv[c] = 1 / math.Sqrt(variance[c]+epsilon)
		runningMean[c] = momentum*runningMean[c] + (1-momentum)*mean[c]
		runningVar[c] = momentum*runningVar[c] + (1-momentum)*variance[c]
	}
	for i, c := range channelOf(dims) {
		x[i] = scale[c]*(x[i]-mean[c])*inv[c] + bias[c]
	}
	out := []*graph.Tensor{graph.FromValues(in[0].DType, dims, x)}
	for _, v := range [][]float64{runningMean, runningVar, mean, inv} {
		out = append(out, graph.FromValues(in[0].DType, dims[1:2], v))
	}
	return out[:len(n.Outputs)], nil
}

// The running statistics are no part of the loss: only Y is differentiated.
func batchNormTrainGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	if n.Output(3) == nil || n.Output(4) == nil {
		b.Fail("%w", Errorf(n, ErrMalformed, "its gradient reads batch_mean and inv_std, outputs that this node lacks"))
		return nil
	}
	if dy[0] == nil {
		return nil
	}
	return b.Ops("ildc.BatchNormGrad", 3, nil, dy[0], n.Inputs[0], n.Inputs[1], n.Outputs[3], n.Outputs[4])
}

// batchNormTrainLower centres X once; variance and Y come from the centred values, so that large means cost no
// precision.
func batchNormTrainLower(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, scale, bias, runningMean, runningVar := n.Inputs[0], n.Inputs[1], n.Inputs[2], n.Inputs[3], n.Inputs[4]
	epsilon, momentum := n.Float("epsilon", defaultEpsilon), n.Float("momentum", defaultMomentum)
	mean := meanPerChannel(b, x)
	centred := b.Op("Sub", nil, x, perChannel(b, mean, x))
	variance := meanPerChannel(b, b.Op("Mul", nil, centred, centred))
	zeros := constant(b, x.DType, 0, scale.Shape.Elements())
	y := b.Op("BatchNormalization", graph.Attrs{"epsilon": float32(epsilon)}, centred, scale, bias, zeros, variance)
	one := b.Scalar(x.DType, 1)
	inv := b.Op("Div", nil, one, b.Op("Sqrt", nil, b.Op("Add", nil, variance, b.Scalar(x.DType, epsilon))))
	keep, take := b.Scalar(x.DType, momentum), b.Scalar(x.DType, 1-momentum)
	blend := func(running, batch *graph.Value) *graph.Value {
		return b.Op("Add", nil, b.Op("Mul", nil, running, keep), b.Op("Mul", nil, batch, take))
	}
	out := []*graph.Value{y, blend(runningMean, mean), blend(runningVar, variance), mean, inv}
	return out[:len(n.Outputs)]
}

// meanPerChannel averages [N,C,…] over all but the channels: [C].
func meanPerChannel(b *graph.Builder, v *graph.Value) *graph.Value {
	return b.Op("ReduceMean", graph.Attrs{"keepdims": int64(0)}, v, b.Ints(allBut(v.Shape, 1)...))
}

// perChannel reshapes [C] so that it broadcasts over the channels of like.
func perChannel(b *graph.Builder, v, like *graph.Value) *graph.Value {
	dims := make([]int, len(like.Shape)-1)
	for i := range dims {
		dims[i] = 1
	}
	dims[0] = v.Shape.Elements()
	return reshape(b, v, dims...)
}

func batchNormGradShape(n *graph.Node) ([]Type, error) {
	dy, x := n.Inputs[0], n.Inputs[1]
	channel, err := checkBatchNorm(n, x, n.Inputs[2:])
	if err != nil {
		return nil, err
	}
	if !dy.Shape.Static() || !dy.Shape.Equal(x.Shape) {
		return nil, Errorf(n, ErrMalformed, "gradient and input differ in shape")
	}
	per := Type{DType: x.DType, Shape: channel}
	return []Type{{DType: x.DType, Shape: x.Shape.Clone()}, per, {DType: x.DType, Shape: channel.Clone()}}, nil
}

// With m elements per channel and x̂ = (X − mean)·inv_std (Ioffe, Szegedy 2015, section 3):
//
//	dB = Σ dY,  dScale = Σ dY·x̂,  dX = scale·inv_std·(dY − dB/m − x̂·dScale/m)
func batchNormGradEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	dims, dtype := in[1].Dims, in[1].DType
	dy, x, scale, mean, inv := in[0].Values(), in[1].Values(), in[2].Values(), in[3].Values(), in[4].Values()
	dScale, dBias := make([]float64, dims[1]), make([]float64, dims[1])
	channel := channelOf(dims)
	for i, c := range channel {
		dScale[c] += dy[i] * (x[i] - mean[c]) * inv[c]
		dBias[c] += dy[i]
	}
	m := float64(len(x)) / float64(dims[1])
	dx := make([]float64, len(x))
	for i, c := range channel {
		dx[i] = scale[c] * inv[c] * (dy[i] - dBias[c]/m - (x[i]-mean[c])*inv[c]*dScale[c]/m)
	}
	return []*graph.Tensor{
		graph.FromValues(dtype, dims, dx), graph.FromValues(dtype, dims[1:2], dScale),
		graph.FromValues(dtype, dims[1:2], dBias),
	}[:len(n.Outputs)], nil
}

// batchNormGradLower writes dX as a·dY + c + e·(X − mean) with a, c, e per channel: two ops of the inference form,
// whose kernels scale and shift in one pass, and an Add.
func batchNormGradLower(b *graph.Builder, n *graph.Node) []*graph.Value {
	dy, x, scale, mean, inv := n.Inputs[0], n.Inputs[1], n.Inputs[2], n.Inputs[3], n.Inputs[4]
	channels := mean.Shape.Elements()
	centred := b.Op("Sub", nil, x, perChannel(b, mean, x))
	dBias := sumPerChannel(b, dy)
	dScale := b.Op("Mul", nil, sumPerChannel(b, b.Op("Mul", nil, dy, centred)), inv)
	a := b.Op("Mul", nil, scale, inv)
	share := b.Op("Mul", nil, a, b.Scalar(x.DType, -float64(channels)/float64(x.Shape.Elements())))
	c := b.Op("Mul", nil, share, dBias)
	e := b.Op("Mul", nil, share, b.Op("Mul", nil, inv, dScale))
	zeros, ones := constant(b, x.DType, 0, channels), constant(b, x.DType, 1, channels)
	affine := func(v, scale, shift *graph.Value) *graph.Value {
		return b.Op("BatchNormalization", graph.Attrs{"epsilon": float32(0)}, v, scale, shift, zeros, ones)
	}
	dx := b.Op("Add", nil, affine(dy, a, c), affine(centred, e, zeros))
	return []*graph.Value{dx, dScale, dBias}[:len(n.Outputs)]
}

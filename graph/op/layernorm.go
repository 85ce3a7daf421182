package op

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// Layer normalisation (Ba, Kiros, Hinton 2016): over the axes from the attribute axis on, D of them in all.
// X: [lead…,D…], scale and B (optional) broadcast to [D…] → Y as X; Mean and InvStdDev: [lead…,1…], on request.
// https://onnx.ai/onnx/operators/onnx__LayerNormalization.html, opset 17 on. stash_type, the precision inside, is not
// looked at.

func layerNormAxis(n *graph.Node, rank int) (int, error) {
	axis, ok := graph.Axis(n.Int("axis", -1), rank)
	if !ok {
		return 0, Errorf(n, ErrMalformed, "axis %d", n.Int("axis", -1))
	}
	return axis, nil
}

func layerNormShape(n *graph.Node) ([]Type, error) {
	x := n.Inputs[0]
	if x.Shape == nil {
		return []Type{{DType: x.DType}, {DType: x.DType}, {DType: x.DType}}, nil
	}
	axis, err := layerNormAxis(n, len(x.Shape))
	if err != nil {
		return nil, err
	}
	for _, p := range n.Inputs[1:] {
		if p == nil || p.Shape == nil {
			continue
		}
		lead := len(x.Shape) - len(p.Shape)
		for i, d := range p.Shape {
			if lead < 0 || d.Known() && d.Size != 1 && (lead+i < axis || x.Shape[lead+i].Known() && x.Shape[lead+i] != d) {
				return nil, Errorf(n, ErrMalformed, "parameter %v does not broadcast to %v", p.Shape, x.Shape[axis:])
			}
		}
	}
	reduced := x.Shape.Clone()
	for i := axis; i < len(reduced); i++ {
		reduced[i] = graph.D(1)
	}
	return []Type{{DType: x.DType, Shape: x.Shape.Clone()}, {DType: x.DType, Shape: reduced},
		{DType: x.DType, Shape: reduced.Clone()}}, nil
}

// layerNormChannels couples every axis, and the parameters with those that are normalised, over whose rest the
// statistics are then taken.
func layerNormChannels(c *Coupling, n *graph.Node) {
	x := n.Inputs[0]
	axis, err := layerNormAxis(n, len(x.Shape))
	if err != nil {
		return
	}
	for i := range x.Shape {
		c.tie(x, i, n.Outputs[0], i)
		if i >= axis {
			c.loosen(x, i, "node "+n.Name+" ("+n.OpName()+") normalises over it")
			continue
		}
		for _, y := range n.Outputs[1:] {
			if y != nil {
				c.tie(x, i, y, i)
			}
		}
	}
	for _, p := range n.Inputs[1:] {
		if p == nil {
			continue
		}
		for k, d := range p.Shape {
			if i := len(x.Shape) - len(p.Shape) + k; i >= axis && d.Equal(x.Shape[i]) {
				c.tie(p, k, x, i)
			}
		}
	}
}

func layerNormEval(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
	x := in[0]
	axis, err := layerNormAxis(n, len(x.Dims))
	if err != nil {
		return nil, err
	}
	epsilon := n.Float("epsilon", defaultEpsilon)
	lead, width := graph.Product(x.Dims[:axis]), graph.Product(x.Dims[axis:])
	y := x.Values()
	means, invs := make([]float64, lead), make([]float64, lead)
	for i := range lead {
		row := y[i*width:][:width]
		mean, variance := statistics([]int{width, 1}, row)
		means[i], invs[i] = mean[0], 1/math.Sqrt(variance[0]+epsilon)
		for k := range row {
			row[k] = (row[k] - means[i]) * invs[i]
		}
	}
	scale, bias := in[1].Values(), []float64{0}
	biasDims := []int{}
	if len(in) > 2 && in[2] != nil {
		bias, biasDims = in[2].Values(), in[2].Dims
	}
	walk(x.Dims, func(i int, at []int) { y[i] = y[i]*scale[at[0]] + bias[at[1]] }, graph.Strides(in[1].Dims, x.Dims),
		graph.Strides(biasDims, x.Dims))
	reduced := append([]int{}, x.Dims...)
	for i := axis; i < len(reduced); i++ {
		reduced[i] = 1
	}
	return []*graph.Tensor{
		graph.FromValues(x.DType, x.Dims, y), graph.FromValues(x.DType, reduced, means),
		graph.FromValues(x.DType, reduced, invs),
	}[:len(n.Outputs)], nil
}

// With x̂ = (X − mean)·inv, g = dY·scale and means over the normalised axes:
//
//	dX = inv·(g − mean(g) − x̂·mean(g·x̂)),  dScale = Σ dY·x̂,  dB = Σ dY
func layerNormGrad(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, scale := n.Inputs[0], n.Inputs[1]
	if n.Output(1) != nil && dy[1] != nil || n.Output(2) != nil && dy[2] != nil {
		b.Fail("%w", Errorf(n, ErrNoGradient, "Mean and InvStdDev are differentiated through"))
		return nil
	}
	axis, err := layerNormAxis(n, len(x.Shape))
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	var axes []int64
	for i := axis; i < len(x.Shape); i++ {
		axes = append(axes, int64(i))
	}
	over := b.Ints(axes...)
	mean := func(v *graph.Value) *graph.Value {
		return b.Op("ReduceMean", graph.Attrs{"keepdims": int64(1)}, v, over)
	}
	mul := func(u, v *graph.Value) *graph.Value { return b.Op("Mul", nil, u, v) }
	sub := func(u, v *graph.Value) *graph.Value { return b.Op("Sub", nil, u, v) }
	centred := sub(x, mean(x))
	variance := mean(mul(centred, centred))
	std := b.Op("Sqrt", nil, b.Op("Add", nil, variance, b.Scalar(x.DType, n.Float("epsilon", defaultEpsilon))))
	normal := b.Op("Div", nil, centred, std)
	g := mul(dy[0], scale)
	dx := b.Op("Div", nil, sub(sub(g, mean(g)), mul(normal, mean(mul(g, normal)))), std)
	grads := []*graph.Value{dx, unbroadcast(b, mul(dy[0], normal), scale)}
	if bias := n.Input(2); bias != nil {
		grads = append(grads, unbroadcast(b, dy[0], bias))
	}
	return grads
}

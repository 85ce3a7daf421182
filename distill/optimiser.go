package distill

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
)

// Optimiser is how parameters move. The update is part of the step graph.
type Optimiser struct {
	Name        string  // "muon", the default, "sgd" (Nesterov momentum) or "adamw"
	Momentum    float64 // sgd and muon: the momentum; adamw, and muon's of what is no matrix: β₁
	WeightDecay float64 // of weights of rank 2 and more; biases and batch norm have none
	ClipNorm    float64 // the global norm that gradients are clipped to; 0: not clipped
}

// Optimisers lists the names.
var Optimisers = []string{"muon", "sgd", "adamw"}

// DefaultOptimiser is the optimiser of a run that names none.
func DefaultOptimiser() Optimiser {
	return Optimiser{Name: "muon", Momentum: 0.9, WeightDecay: 5e-4, ClipNorm: 5}
}

// peak is the default peak of the learning rate: for the teacher's weights, whose knowledge a larger one would lose, or
// for random ones.
func (o Optimiser) peak(random bool) float64 {
	rates := map[string][2]float64{"muon": {0.01, 0.02}, "sgd": {0.02, 0.1}, "adamw": {0.003, 0.001}}[o.Name]
	if random {
		return rates[1]
	}
	return rates[0]
}

func (o Optimiser) check() error {
	switch {
	case !slices.Contains(Optimisers, o.Name):
		return fmt.Errorf("distill: optimiser %q: there are %s", o.Name, strings.Join(Optimisers, ", "))
	case !(o.Momentum >= 0 && o.Momentum < 1):
		return fmt.Errorf("distill: momentum %g: want a number from 0 to below 1", o.Momentum)
	case !(o.WeightDecay >= 0) || !(o.ClipNorm >= 0):
		return fmt.Errorf("distill: weight decay %g, gradient clip %g: want no negative number", o.WeightDecay, o.ClipNorm)
	}
	return nil
}

// state carries an optimiser's tensors from step to step: it declares one, gives its current value, and a function that
// sets the next.
type state func(name string, initial *graph.Tensor) (now *graph.Value, next func(*graph.Value))

// update appends the parameters' next values. lr is [1]. Everything happens on one flat vector of all parameters, [P]:
// a step has hundreds of them, most of them small, and an op costs more than their arithmetic.
func (o Optimiser) update(e *loss.Emitter, params, grads []*graph.Value, lr *graph.Value, carry state) []*graph.Value {
	p, g := flatten(e, params), flatten(e, grads)
	if o.ClipNorm > 0 {
		g = clip(e, g, o.ClipNorm)
	}
	switch o.Name {
	case "muon":
		return o.muon(e, params, unflatten(e, g, params), lr, carry)
	case "adamw":
		p = o.adamW(e, p, g, o.decay(e, params), lr, carry)
	default:
		p = o.nesterov(e, p, g, o.decay(e, params), lr, carry)
	}
	return unflatten(e, p, params)
}

// flatten joins values into one vector.
func flatten(e *loss.Emitter, vs []*graph.Value) *graph.Value {
	rows := make([]*graph.Value, len(vs))
	for i, v := range vs {
		rows[i] = e.Op("Reshape", nil, v, e.Ints(-1))
	}
	return e.Op("Concat", graph.Attrs{"axis": int64(0)}, rows...)
}

// unflatten cuts a vector into values shaped as those of like.
func unflatten(e *loss.Emitter, v *graph.Value, like []*graph.Value) []*graph.Value {
	sizes := make([]int64, len(like))
	for i, l := range like {
		sizes[i] = int64(l.Shape.Elements())
	}
	rows := e.Ops("Split", len(like), graph.Attrs{"axis": int64(0)}, v, e.Ints(sizes...))
	parts := make([]*graph.Value, len(like))
	for i, l := range like {
		shape := make([]int64, len(l.Shape))
		for axis, d := range l.Shape {
			shape[axis] = int64(d.Size)
		}
		parts[i] = e.Op("Reshape", nil, rows[i], e.Ints(shape...))
	}
	return parts
}

// decay is the weight decay of every element, [P]; nil where none decays.
func (o Optimiser) decay(e *loss.Emitter, params []*graph.Value) *graph.Value {
	var rates []float64
	for _, p := range params {
		rate := 0.0
		if len(p.Shape) >= 2 {
			rate = o.WeightDecay
		}
		rates = append(rates, slices.Repeat([]float64{rate}, p.Shape.Elements())...)
	}
	if !slices.ContainsFunc(rates, func(r float64) bool { return r > 0 }) {
		return nil
	}
	return e.Const("decay", graph.FromValues(params[0].DType, []int{len(rates)}, rates))
}

// clip scales a gradient so that its norm is at most limit (Pascanu, Mikolov, Bengio 2013, algorithm 1).
func clip(e *loss.Emitter, g *graph.Value, limit float64) *graph.Value {
	norm := e.Op("Sqrt", nil, e.Add(e.Fold("ReduceSumSquare", g), e.Scalar(g.DType, 1e-20)))
	return e.Mul(g, e.Op("Clip", nil, e.Div(e.Scalar(g.DType, limit), norm), nil, e.Scalar(g.DType, 1)))
}

// nesterov is SGD with Nesterov momentum as in Sutskever et al. 2013, in the form in which the gradient is taken at the
// parameters: v ← μv + g, p ← p − lr·(g + μv), with the decay added to g.
func (o Optimiser) nesterov(e *loss.Emitter, p, g, decay, lr *graph.Value, carry state) *graph.Value {
	if decay != nil {
		g = e.Add(g, e.Mul(p, decay))
	}
	return e.Sub(p, e.Mul(o.accelerate(e, g, carry), lr))
}

// accelerate gives the direction that momentum makes of a gradient, g + μv, v ← μv + g.
func (o Optimiser) accelerate(e *loss.Emitter, g *graph.Value, carry state) *graph.Value {
	if o.Momentum == 0 {
		return g
	}
	v, set := carry("momentum", zeros(g))
	v = e.Add(e.Scale(v, o.Momentum), g)
	set(v)
	return e.Add(g, e.Scale(v, o.Momentum))
}

// adamW is Adam with decoupled weight decay (Loshchilov, Hutter 2019, algorithm 2), β₂ = 0.999, ε = 1e-8.
func (o Optimiser) adamW(e *loss.Emitter, p, g, decay, lr *graph.Value, carry state) *graph.Value {
	const beta2, epsilon = 0.999, 1e-8
	// A power of β, [1], for the bias correction of a moment.
	correction := func(name string, beta float64) *graph.Value {
		now, set := carry(name, graph.FromValues(p.DType, []int{1}, []float64{1}))
		next := e.Scale(now, beta)
		set(next)
		return e.Sub(e.Scalar(p.DType, 1), next)
	}
	correct1, correct2 := correction("beta1", o.Momentum), correction("beta2", beta2)
	m, setM := carry("moment1", zeros(p))
	v, setV := carry("moment2", zeros(p))
	m = e.Add(e.Scale(m, o.Momentum), e.Scale(g, 1-o.Momentum))
	v = e.Add(e.Scale(v, beta2), e.Scale(e.Mul(g, g), 1-beta2))
	setM(m)
	setV(v)
	step := e.Div(e.Div(m, correct1), e.Add(e.Op("Sqrt", nil, e.Div(v, correct2)), e.Scalar(p.DType, epsilon)))
	if decay != nil {
		step = e.Add(step, e.Mul(p, decay))
	}
	return e.Sub(p, e.Mul(step, lr))
}

func zeros(v *graph.Value) *graph.Tensor { return graph.NewTensor(v.DType, v.Shape.Sizes()...) }

// Schedule is the learning rate over the steps of a run: a linear warm-up to the peak, then a half cosine down to Final
// times the peak (Loshchilov, Hutter 2017, equation 5, without restarts).
type Schedule struct {
	Peak   float64
	Warmup float64 // fraction of the steps
	Final  float64 // fraction of the peak that the last step ends near
}

// At is the learning rate of a step, counted from 0.
func (s Schedule) At(step, steps int) float64 {
	warm := int(math.Round(s.Warmup * float64(steps)))
	if step < warm {
		return s.Peak * float64(step+1) / float64(warm+1)
	}
	done := float64(step-warm) / float64(max(1, steps-warm))
	return s.Peak * (s.Final + (1-s.Final)*0.5*(1+math.Cos(math.Pi*min(1, done))))
}

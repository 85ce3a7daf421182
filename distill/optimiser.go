package distill

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ildc/ildc/graph"
)

// Optimiser is how parameters move. The update is part of the step graph.
type Optimiser struct {
	Name        string  // "sgd" (Nesterov momentum), "adamw", or "auto": sgd for nets with batch normalisation, adamw for others
	Momentum    float64 // sgd: the momentum; adamw: β₁
	WeightDecay float64 // of weights of rank 2 and more; biases and batch norm have none
	ClipNorm    float64 // the global norm that gradients are clipped to; 0: not clipped
}

// Optimisers lists the names.
var Optimisers = []string{"auto", "sgd", "adamw"}

// DefaultOptimiser is the optimiser of a run that names none.
func DefaultOptimiser() Optimiser {
	return Optimiser{Name: "auto", Momentum: 0.9, WeightDecay: 5e-4, ClipNorm: 5}
}

// settle turns "auto" into a choice. Batch normalisation makes a step of SGD independent of the scale of weights; a net without it
// can have any scale (raw pixels, say), and needs an optimiser that is.
func (o Optimiser) settle(batchNorm bool) Optimiser {
	if o.Name == "auto" {
		if o.Name = "adamw"; batchNorm {
			o.Name = "sgd"
		}
	}
	return o
}

// peak is the default peak of the learning rate.
func (o Optimiser) peak() float64 {
	if o.Name == "adamw" {
		return 0.001
	}
	return 0.02
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

// state carries an optimiser's tensors from step to step: it declares one, gives its current value, and a function that sets the next.
type state func(name string, initial *graph.Tensor) (now *graph.Value, next func(*graph.Value))

// update appends the parameters' next values. lr is [1].
func (o Optimiser) update(e *Emitter, names []string, params, grads []*graph.Value, lr *graph.Value, carry state) []*graph.Value {
	if o.ClipNorm > 0 {
		grads = clip(e, grads, o.ClipNorm)
	}
	var advance func(i int) *graph.Value
	if o.Name == "adamw" {
		advance = o.adamW(e, names, params, grads, lr, carry)
	} else {
		advance = o.nesterov(e, names, params, grads, lr, carry)
	}
	next := make([]*graph.Value, len(params))
	for i := range params {
		next[i] = advance(i)
	}
	return next
}

// clip scales gradients so that their global norm is at most limit (Pascanu, Mikolov, Bengio 2013, algorithm 1).
func clip(e *Emitter, grads []*graph.Value, limit float64) []*graph.Value {
	var sum *graph.Value
	for _, g := range grads {
		square := e.total(e.mul(g, g))
		if sum == nil {
			sum = square
			continue
		}
		sum = e.add(sum, square)
	}
	norm := e.Op("Sqrt", nil, e.add(sum, e.Scalar(sum.DType, 1e-20)))
	factor := e.Op("Clip", nil, e.div(e.Scalar(sum.DType, limit), norm), nil, e.Scalar(sum.DType, 1))
	clipped := make([]*graph.Value, len(grads))
	for i, g := range grads {
		clipped[i] = e.Op("Reshape", nil, e.mul(g, factor), e.Ints(sizes64(g.Shape)...))
	}
	return clipped
}

// nesterov is SGD with Nesterov momentum as in Sutskever et al. 2013, in the form in which the gradient is taken at the
// parameters: v ← μv + g, p ← p − lr·(g + μv), with the decay added to g.
func (o Optimiser) nesterov(e *Emitter, names []string, params, grads []*graph.Value, lr *graph.Value, carry state) func(i int) *graph.Value {
	return func(i int) *graph.Value {
		p, g := params[i], grads[i]
		if o.decays(p) {
			g = e.add(g, e.scale(p, o.WeightDecay))
		}
		if o.Momentum > 0 {
			v, set := carry("momentum/"+names[i], zeros(p))
			v = e.add(e.scale(v, o.Momentum), g)
			set(v)
			g = e.add(g, e.scale(v, o.Momentum))
		}
		return e.sub(p, e.mul(g, like(e, lr, p)))
	}
}

// adamW is Adam with decoupled weight decay (Loshchilov, Hutter 2019, algorithm 2), β₂ = 0.999, ε = 1e-8.
func (o Optimiser) adamW(e *Emitter, names []string, params, grads []*graph.Value, lr *graph.Value, carry state) func(i int) *graph.Value {
	const beta2, epsilon = 0.999, 1e-8
	dtype := lr.DType
	// Powers of β, [1], for the bias correction of the moments.
	power := func(name string, beta float64) *graph.Value {
		now, set := carry(name, graph.FromValues(dtype, []int{1}, []float64{1}))
		next := e.scale(now, beta)
		set(next)
		return e.sub(e.Scalar(dtype, 1), next)
	}
	correct1, correct2 := power("beta1", o.Momentum), power("beta2", beta2)
	return func(i int) *graph.Value {
		p, g := params[i], grads[i]
		m, setM := carry("moment1/"+names[i], zeros(p))
		v, setV := carry("moment2/"+names[i], zeros(p))
		m = e.add(e.scale(m, o.Momentum), e.scale(g, 1-o.Momentum))
		v = e.add(e.scale(v, beta2), e.scale(e.mul(g, g), 1-beta2))
		setM(m)
		setV(v)
		step := e.div(e.div(m, like(e, correct1, p)), e.add(e.Op("Sqrt", nil, e.div(v, like(e, correct2, p))), e.Scalar(dtype, epsilon)))
		if o.decays(p) {
			step = e.add(step, e.scale(p, o.WeightDecay))
		}
		return e.sub(p, e.mul(step, like(e, lr, p)))
	}
}

func (o Optimiser) decays(p *graph.Value) bool { return o.WeightDecay > 0 && len(p.Shape) >= 2 }

// like brings a [1] value to rank 0 for a rank-0 parameter, since broadcasting would raise the parameter's rank.
func like(e *Emitter, one, p *graph.Value) *graph.Value {
	if len(p.Shape) > 0 {
		return one
	}
	return e.Op("Reshape", nil, one, e.Const("scalar_shape", graph.Ints()))
}

func zeros(v *graph.Value) *graph.Tensor { return graph.NewTensor(v.DType, v.Shape.Sizes()...) }

func sizes64(s graph.Shape) []int64 {
	out := make([]int64, len(s))
	for i, d := range s {
		out[i] = int64(d.Size)
	}
	return out
}

// Schedule is the learning rate over the steps of a run: a linear warm-up to the peak, then a half cosine down to Final times the
// peak (Loshchilov, Hutter 2017, equation 5, without restarts).
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

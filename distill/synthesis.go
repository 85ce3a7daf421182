package distill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// Synthesis makes inputs for a teacher that there is no data for: maps whose statistics in front of every batch
// normalisation are those that the teacher has stored of its training data, and that it tells the classes of (Yin et
// al. 2020, "Dreaming to Distill", equations 3 to 5). The optimiser's parameters are the inputs.
type Synthesis struct {
	Teacher       *graph.Graph
	Engine        engine.Engine
	EngineOptions engine.Options
	Symbols       map[string]int

	Samples  int // default 2048
	Batch    int // samples that are made together, whose statistics are to be right; default 128
	Steps    int // of each batch; default 200
	Seed     uint64
	Progress func(Progress) // may be nil; its phase is "synthesising"
}

// ErrNoStatistics says that a teacher has no batch normalisation that tells what its inputs were like.
var ErrNoStatistics = errors.New("the teacher has no batch normalisation that tells what its inputs were like")

// How the terms are weighed: statistics count 1, each divided by the stored variance. Rates are those of Adam, on
// inputs that deviate by about 1.
const (
	synthesisRate   = 0.1
	classWeight     = 0.1
	variationWeight = 1e-3 // total variation, which keeps neighbours alike
)

// synthesised is the state's name of the inputs.
const synthesised = "ildc.input"

func (s Synthesis) withDefaults() Synthesis {
	if s.Samples == 0 {
		s.Samples = 2048
	}
	if s.Batch == 0 {
		s.Batch = min(128, s.Samples)
	}
	if s.Steps == 0 {
		s.Steps = 200
	}
	return s
}

// Run gives the inputs as one tensor [Samples,…], in the form that the teacher reads. The error is [ErrNoStatistics]
// where nothing tells what they should be like.
func (s Synthesis) Run(ctx context.Context) (*graph.Tensor, error) {
	s = s.withDefaults()
	step, classes, err := s.step()
	if err != nil {
		return nil, err
	}
	p, err := backend{s.Engine, s.EngineOptions}.compile(ctx, step)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	m := making{Synthesis: s, program: p, classes: classes, initial: tensors{}, started: time.Now()}
	for _, c := range step.State {
		m.initial[c.In] = c.Initial
	}
	var batches []*graph.Tensor
	for i := range s.batches() {
		made, err := m.makeBatch(ctx, i)
		if err != nil {
			return nil, err
		}
		batches = append(batches, made)
	}
	all := joinBatches(batches)
	dims := append([]int{s.Samples}, all.Dims[1:]...)
	return graph.FromFloat32(dims, all.Float32s()[:graph.Product(dims)]), nil
}

// batches is how many batches the samples take; the last one may make more than are wanted.
func (s Synthesis) batches() int { return (s.Samples + s.Batch - 1) / s.Batch }

// making is a synthesis under way.
type making struct {
	Synthesis
	program *compiled
	classes int
	initial tensors // the state that a batch begins with, but for its noise
	started time.Time
}

// makeBatch makes batch i out of noise of its own. Its samples are to be told as one class after the other.
func (m making) makeBatch(ctx context.Context, i int) (*graph.Tensor, error) {
	random := rand.New(rand.NewPCG(m.Seed, uint64(i)))
	noise := graph.NewTensor(graph.Float32, m.initial[synthesised].Dims...)
	for k := range noise.Float32s() {
		noise.Float32s()[k] = float32(random.NormFloat64())
	}
	state := maps.Clone(m.initial)
	state[synthesised] = noise
	if err := m.program.SetState(state); err != nil {
		return nil, err
	}
	feeds := tensors{}
	if m.classes > 0 {
		targets := graph.NewTensor(graph.Float32, m.Batch, m.classes)
		for k := range m.Batch {
			targets.Float32s()[k*m.classes+(i*m.Batch+k)%m.classes] = 1
		}
		feeds[labelsInput] = targets
	}
	schedule := Schedule{Peak: synthesisRate, Warmup: 0.05}
	for k := range m.Steps {
		feeds[learningRateInput] = graph.FromFloat32([]int{1}, []float32{float32(schedule.At(k, m.Steps))})
		out, err := m.program.run(ctx, feeds)
		if err != nil {
			return nil, err
		}
		m.report(i*m.Steps+k+1, out[lossOutput].Values()[0])
	}
	state, err := m.program.State(synthesised)
	return state[synthesised], err
}

// report tells how far the synthesis is, after so many steps.
func (m making) report(done int, value float64) {
	if m.Progress == nil {
		return
	}
	all, each := m.batches()*m.Steps, time.Since(m.started)/time.Duration(done)
	m.Progress(Progress{Phase: "synthesising", Step: done, Steps: all, Loss: value,
		ImagesPerSecond: float64(m.Batch) / each.Seconds(), Remaining: each * time.Duration(all-done)})
}

// step assembles a step of the optimiser, and says how many classes the teacher tells apart; 0 where that is not known.
func (s Synthesis) step() (_ *engine.Step, classes int, err error) {
	t, err := pass.Bound(s.Teacher, pass.Binding{Batch: s.Batch, Symbols: s.Symbols})
	if err != nil {
		return nil, 0, fmt.Errorf("distill: synthesis: %w", err)
	}
	if len(t.Inputs) != 1 || t.Inputs[0].DType != graph.Float32 || len(t.Inputs[0].Shape) < 3 {
		return nil, 0, fmt.Errorf("distill: synthesis: want one input, of maps or sequences, not %d inputs: %w",
			len(t.Inputs), ErrNoStatistics)
	}
	a := newAssembly("synthesis")
	defer a.Guard(&err)
	x, set := a.carry(synthesised, graph.NewTensor(graph.Float32, t.Inputs[0].Shape.Sizes()...))
	to, err := pass.Inline(a.In("teacher"), t, map[string]*graph.Value{t.Inputs[0].Name: x})
	if err != nil {
		return nil, 0, fmt.Errorf("distill: synthesis: %w", err)
	}
	total := a.normStatistics(t, to)
	if total == nil {
		return nil, 0, fmt.Errorf("distill: synthesis: %w", ErrNoStatistics)
	}
	if out := logits(t.Outputs[0]); len(out.Shape) == 2 && out.Shape[1].Size > 1 && out.DType == graph.Float32 {
		classes = out.Shape[1].Size
		labels := a.feed(labelsInput, graph.Float32, out.Shape.Clone())
		guess := loss.Output{Student: to[out], Teacher: to[out], Labels: labels, Classify: true}
		total = a.Add(total, a.Scale(loss.CE().Emit(a.Emitter, guess), classWeight))
	}
	if len(x.Shape) == 4 {
		total = a.Add(total, a.Scale(a.variation(x), variationWeight))
	}
	grads, err := pass.Gradient(a.In("gradient"), total, []*graph.Value{x})
	if err != nil {
		return nil, 0, fmt.Errorf("distill: synthesis: %w", err)
	}
	a.give(lossOutput, total)
	rate := a.feed(learningRateInput, graph.Float32, graph.Dims(1))
	adam := Optimiser{Name: "adamw", Momentum: 0.9}
	set(adam.update(&loss.Emitter{Builder: a.In("update")}, []*graph.Value{x}, grads, rate, a.carry)[0])
	step, err := a.finish()
	return step, classes, err
}

// normStatistics is the mean over the batch normalisations of maps of how far what they read is from what they have
// stored, [1]; nil where there are none. to gives the values of the step by those of g.
func (a *assembly) normStatistics(g *graph.Graph, to map[*graph.Value]*graph.Value) *graph.Value {
	var sum *graph.Value
	layers := 0
	for _, n := range g.Nodes {
		if n.OpName() != "BatchNormalization" || len(n.Inputs[0].Shape) < 3 {
			continue
		}
		if mean, variance := n.Inputs[3].Const, n.Inputs[4].Const; mean != nil && variance != nil {
			layers++
			sum = plus(a, sum, a.statistics(to[n.Inputs[0]], mean, variance, n.Float("epsilon", 1e-5)))
		}
	}
	if sum == nil {
		return nil
	}
	return a.Scale(sum, 1/float64(layers))
}

// statistics is how far the mean and the variance of each channel of v are from those that are stored, over the stored
// variance, [1]: the mean over channels of (μ̂ − μ)²/σ² + (σ̂²/σ² − 1)².
func (a *assembly) statistics(v *graph.Value, mean, variance *graph.Tensor, epsilon float64) *graph.Value {
	channels := mean.Len()
	dims := append([]int{1, channels}, make([]int, len(v.Shape)-2)...)
	axes := []int64{0}
	for axis := 2; axis < len(v.Shape); axis++ {
		dims[axis] = 1
		axes = append(axes, int64(axis))
	}
	perChannel := func(f func(i int) float64) *graph.Value {
		data := make([]float64, channels)
		for i := range data {
			data[i] = f(i)
		}
		return a.Const("statistics", graph.FromValues(v.DType, dims, data))
	}
	stored, spread := mean.Values(), variance.Values()
	keep := graph.Attrs{"keepdims": int64(1)}
	inverse := perChannel(func(i int) float64 { return 1 / (spread[i] + epsilon) })
	centred := a.Sub(v, perChannel(func(i int) float64 { return stored[i] }))
	shift := a.Op("ReduceMean", keep, centred, a.Ints(axes...))
	square := a.Op("ReduceMean", keep, a.Mul(centred, centred), a.Ints(axes...))
	off := a.Mul(a.Mul(shift, shift), inverse)
	ratio := a.Sub(a.Mul(a.Sub(square, a.Mul(shift, shift)), inverse),
		perChannel(func(i int) float64 { return spread[i] / (spread[i] + epsilon) }))
	return a.Scale(a.Total(a.Add(off, a.Mul(ratio, ratio))), 1/float64(channels))
}

// variation is the mean squared difference between neighbours of maps [N,C,H,W], [1].
func (a *assembly) variation(x *graph.Value) *graph.Value {
	part := func(axis, from, to int) *graph.Value {
		return a.Op("Slice", nil, x, a.Ints(int64(from)), a.Ints(int64(to)), a.Ints(int64(axis)))
	}
	h, w := x.Shape[2].Size, x.Shape[3].Size
	return a.Add(a.MeanSquare(part(2, 1, h), part(2, 0, h-1)), a.MeanSquare(part(3, 1, w), part(3, 0, w-1)))
}

package distill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// Probe runs one model over training data, and tells of its values what they are there: activations, features,
// gradients, moments.
type Probe struct {
	Model         *graph.Graph // as imported; it is not changed
	Engine        engine.Engine
	EngineOptions engine.Options
	Data          dataset.Dataset    // of training
	Bindings      []*dataset.Binding // from the data to the model's inputs, without a prefix
	Augment       dataset.Augment
	Batch         int // samples that are run together; default 64
	Seed          uint64
	Task          Task           // default Auto
	Symbols       map[string]int // sizes of symbolic extents other than the batch
	Logger        *slog.Logger   // may be nil
}

// Activations gives some of the model's values on training samples, at least as many as asked for. Batches are joined
// along the first axis. Names that the model's training copy has no value of are left out.
func (p Probe) Activations(ctx context.Context, names []string, samples int) (map[string]*graph.Tensor, error) {
	return p.values(ctx, names, samples, "", func(a *assembly, _ *graph.Graph, model inlined) {
		for _, name := range names {
			if v := model[name]; v != nil {
				a.give(probed+name, v)
			}
		}
	})
}

// mostFeatures is how many elements of a sample [Probe.Features] gives at the most.
const mostFeatures = 2048

// Features gives some of the model's values on training samples as [Probe.Activations] does, each as a matrix
// [samples,features] of at most 2,048 elements of each sample, which are picked at random. Values that are no floats
// are left out.
func (p Probe) Features(ctx context.Context, names []string, samples int) (map[string]*graph.Tensor, error) {
	return p.values(ctx, names, samples, "", func(a *assembly, _ *graph.Graph, model inlined) {
		for _, name := range names {
			v := model[name]
			if v == nil || len(v.Shape) == 0 || !v.Shape.Static() || !v.DType.IsFloat() {
				continue
			}
			flat := a.Op("Reshape", nil, v, a.Ints(int64(v.Shape[0].Size), -1))
			if all := flat.Shape[1].Size; all > mostFeatures {
				flat = a.Op("Gather", graph.Attrs{"axis": int64(1)}, flat, a.Ints(pick(mostFeatures, all)...))
			}
			a.give(probed+name, flat)
		}
	})
}

// pick gives n of the first numbers from 0 up, in ascending order: for the same numbers the same ones.
func pick(n, of int) []int64 {
	var picked []int64
	for _, i := range rand.New(rand.NewPCG(uint64(of), 0)).Perm(of)[:n] {
		picked = append(picked, int64(i))
	}
	slices.Sort(picked)
	return picked
}

// ErrNoLabels says that what was asked for needs labels.
var ErrNoLabels = errors.New("there are no labels that fit the model's output")

// Gradients gives those of the model's cross-entropy with labels, the mean over a batch, in some of its values, on the
// samples that [Probe.Activations] takes. The error is [ErrNoLabels] without labels.
func (p Probe) Gradients(ctx context.Context, names []string, samples int) (map[string]*graph.Tensor, error) {
	classes := p.Data.Spec().Classes
	if classes == 0 {
		return nil, fmt.Errorf("distill: gradients: %w", ErrNoLabels)
	}
	return p.values(ctx, names, samples, labelsInput, func(a *assembly, bound *graph.Graph, model inlined) {
		outputs, err := pairOutputs(bound, bound, cmp.Or(p.Task, Auto), classes)
		i := slices.IndexFunc(outputs, func(o output) bool { return o.labelled })
		if err == nil && i < 0 {
			err = fmt.Errorf("there are %d classes: %w", classes, ErrNoLabels)
		}
		if err != nil {
			a.Fail("distill: gradients: %w", err)
			return
		}
		logits := model[outputs[i].teacher]
		var wrt []*graph.Value
		for _, name := range names {
			if v := model[name]; v != nil {
				wrt = append(wrt, v)
			}
		}
		labels := a.feed(labelsInput, graph.Float32, logits.Shape.Clone())
		guess := loss.Output{Student: logits, Teacher: logits, Labels: labels, Classify: true}
		grads, err := pass.Gradient(a.In("gradient"), loss.CE().Emit(a.Emitter, guess), wrt)
		if err != nil {
			a.Fail("distill: gradients: %w", err)
			return
		}
		for _, name := range names {
			if v := model[name]; v != nil {
				if g := grads[slices.Index(wrt, v)]; g != nil {
					a.give(probed+name, g)
				}
			}
		}
	})
}

// probed leads the names of a probe's results.
const probed = "probed/"

// reading appends what is asked of a model's values to a step that has them; bound is the model as it is run.
type reading func(a *assembly, bound *graph.Graph, model inlined)

// values joins what read names after values, batch by batch.
func (p Probe) values(
	ctx context.Context, names []string, samples int, labels string, read reading,
) (map[string]*graph.Tensor, error) {
	batches := map[string][]*graph.Tensor{}
	err := p.run(ctx, samples, labels, read, func(out map[string]*graph.Tensor) {
		for _, name := range names {
			if t := out[probed+name]; t != nil {
				batches[name] = append(batches[name], t)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	all := map[string]*graph.Tensor{}
	for name, each := range batches {
		all[name] = joinBatches(each)
	}
	return all, nil
}

// run runs the model on batches of training data, with labels under a name where one is given, until it has seen so
// many samples. What read asks for of each batch is handed to each.
func (p Probe) run(
	ctx context.Context, samples int, labels string, read reading, each func(map[string]*graph.Tensor),
) (err error) {
	b := backend{p.Engine, p.EngineOptions}
	bind := pass.Binding{Batch: cmp.Or(p.Batch, defaultBatch), Symbols: p.Symbols}
	if bind.Batch, err = settleBatch(ctx, b, bind, orSilent(p.Logger), model{"probed", p.Model}); err != nil {
		return err
	}
	bound, err := pass.Bound(p.Model, bind)
	if err != nil {
		return fmt.Errorf("distill: probe: %w", err)
	}
	step, err := probeStep(bound, read)
	if err != nil {
		return err
	}
	program, err := b.compile(ctx, step)
	if err != nil {
		return err
	}
	defer program.Close()
	load := dataset.LoaderOptions{Batch: bind.Batch, Bindings: p.Bindings, OneHot: labels, Augment: p.Augment,
		Seed: p.Seed}
	return eachOf(ctx, (samples+bind.Batch-1)/bind.Batch, p.Data, load, func(b *dataset.Batch) error {
		out, err := program.run(ctx, b.Inputs)
		if err == nil {
			each(out)
		}
		return err
	})
}

// probeStep assembles a model and what is asked of its values.
func probeStep(bound *graph.Graph, read reading) (_ *engine.Step, err error) {
	a := newAssembly("probe")
	defer a.Guard(&err)
	var feeds []string
	for _, v := range bound.Inputs {
		feeds = append(feeds, v.Name)
	}
	model, err := a.inline("model", bound, feeds, nil)
	if err != nil {
		return nil, err
	}
	read(a, bound, model)
	return a.finish()
}

// joinBatches joins tensors of one type along the first axis. There is one at least.
func joinBatches(batches []*graph.Tensor) *graph.Tensor {
	dims := slices.Clone(batches[0].Dims)
	dims[0] = 0
	for _, b := range batches {
		dims[0] += b.Dims[0]
	}
	n := graph.Product(dims)
	if t := batches[0].DType; t != graph.Float32 {
		values := make([]float64, 0, n)
		for _, b := range batches {
			values = append(values, b.Values()...)
		}
		return graph.FromValues(t, dims, values)
	}
	values := make([]float32, 0, n)
	for _, b := range batches {
		values = append(values, b.Float32s()...)
	}
	return graph.FromFloat32(dims, values)
}

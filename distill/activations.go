package distill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// Activations gives some of the teacher's values on training samples, at least as many as asked for where there are as many. Batches
// are joined along the first axis. Names that the teacher's training copy has no value of are left out.
func (j Job) Activations(ctx context.Context, names []string, samples int) (map[string]*graph.Tensor, error) {
	return j.values(ctx, names, samples, false, func(a *assembly, teacher inlined) {
		for _, name := range names {
			if v := teacher[name]; v != nil {
				a.result(probed+name, v)
			}
		}
	})
}

// mostFeatures is how many elements of a sample [Job.Features] gives at the most.
const mostFeatures = 2048

// Features gives some of the teacher's values on training samples as [Job.Activations] does, each as a matrix [samples,features] of at most 2,048 elements
// of each sample, which are picked at random.
func (j Job) Features(ctx context.Context, names []string, samples int) (map[string]*graph.Tensor, error) {
	return j.values(ctx, names, samples, false, func(a *assembly, teacher inlined) {
		for _, name := range names {
			v := teacher[name]
			if v == nil || len(v.Shape) == 0 || !v.Shape.Static() || !v.DType.IsFloat() {
				continue
			}
			n := v.Shape[0].Size
			flat := a.Op("Reshape", nil, v, a.Ints(int64(n), -1))
			if all := flat.Shape[1].Size; all > mostFeatures {
				picked := rand.New(rand.NewPCG(uint64(all), 0)).Perm(all)[:mostFeatures]
				slices.Sort(picked)
				at := make([]int64, len(picked))
				for i, p := range picked {
					at[i] = int64(p)
				}
				flat = a.Op("Gather", graph.Attrs{"axis": int64(1)}, flat, a.Ints(at...))
			}
			a.result(probed+name, flat)
		}
	})
}

// ErrNoLabels says that what was asked for needs labels.
var ErrNoLabels = errors.New("there are no labels that fit the teacher's output")

// Gradients gives those of the teacher's cross-entropy with labels in some of its values, on the samples that [Job.Activations] takes. The error is
// [ErrNoLabels] without labels.
func (j Job) Gradients(ctx context.Context, names []string, samples int) (map[string]*graph.Tensor, error) {
	classes := j.Train.Spec().Classes
	if classes == 0 {
		return nil, fmt.Errorf("distill: gradients: %w", ErrNoLabels)
	}
	return j.values(ctx, names, samples, true, func(a *assembly, teacher inlined) {
		i := slices.IndexFunc(a.c.outputs, func(o output) bool { return o.labelled })
		if i < 0 {
			a.Fail("distill: gradients: there are %d classes: %w", classes, ErrNoLabels)
			return
		}
		logits := teacher[a.c.outputs[i].teacher]
		var wrt []*graph.Value
		for _, name := range names {
			if v := teacher[name]; v != nil {
				wrt = append(wrt, v)
			}
		}
		labels := a.feed(labelsInput, graph.Float32, logits.Shape.Clone())
		entropy := loss.CE().Emit(a.Emitter, loss.Output{Student: logits, Teacher: logits, Labels: labels, Classify: true})
		grads, err := pass.Gradient(a.In("gradient"), entropy, wrt)
		if err != nil {
			a.Fail("distill: gradients: %w", err)
			return
		}
		for _, name := range names {
			if v := teacher[name]; v != nil {
				if g := grads[slices.Index(wrt, v)]; g != nil {
					a.result(probed+name, g)
				}
			}
		}
	})
}

// probed leads the names of a probe's results.
const probed = "probed/"

// values joins what emit names after values.
func (j *Job) values(ctx context.Context, names []string, samples int, labelled bool, emit func(*assembly, inlined)) (map[string]*graph.Tensor, error) {
	joined := map[string]*graph.Tensor{}
	err := j.probe(ctx, samples, labelled, emit, func(out map[string]*graph.Tensor) {
		for _, name := range names {
			if t := out[probed+name]; t != nil {
				joined[name] = appended(joined[name], t)
			}
		}
	})
	return joined, err
}

// probe runs the teacher on batches of training data, with labels where they are asked for: emit names what is asked of its values, each is given the
// outputs of each batch.
func (j *Job) probe(ctx context.Context, samples int, labelled bool, emit func(a *assembly, teacher inlined), each func(map[string]*graph.Tensor)) error {
	o := j.Options.withDefaults()
	if err := j.batchable(ctx, &o); err != nil {
		return err
	}
	c, err := prepare(j.Teacher, j.Student, j.binding(o.Batch), o.Task, j.Train.Spec().Classes, j.ownInputs())
	if err != nil {
		return err
	}
	a := newAssembly(c, "probe of the teacher")
	teacher, err := a.teacher()
	if err != nil {
		return err
	}
	emit(a, teacher)
	step, _, err := a.finish()
	if err != nil {
		return err
	}
	p, err := j.compile(ctx, step)
	if err != nil {
		return err
	}
	defer p.Close()
	s := &session{job: j, o: o, labelled: labelled}
	return s.someBatches(ctx, (samples+o.Batch-1)/o.Batch, func(b *dataset.Batch) error {
		out, err := p.run(ctx, b.Inputs)
		if err == nil {
			each(out)
		}
		return err
	})
}

// appended joins tensors along the first axis; t is nil at first.
func appended(t, more *graph.Tensor) *graph.Tensor {
	if t == nil {
		return more
	}
	dims := append([]int{t.Dims[0] + more.Dims[0]}, t.Dims[1:]...)
	return graph.FromValues(t.DType, dims, append(t.Values(), more.Values()...))
}

// Divergence is how far the student is from the teacher before any training: the mean of kd on training samples, with the student's batch norm by
// the statistics of the batch.
func (j Job) Divergence(ctx context.Context, samples int) (float64, error) {
	o := j.Options.withDefaults()
	if err := j.batchable(ctx, &o); err != nil {
		return 0, err
	}
	s, err := j.assemble(o)
	if err != nil {
		return 0, err
	}
	a := newAssembly(s.copies, "divergence")
	teacher, err := a.teacher()
	if err != nil {
		return 0, err
	}
	student, err := a.inline("student", s.copies.training, s.copies.studentFeeds, nil)
	if err != nil {
		return 0, err
	}
	for _, of := range s.copies.outputs {
		out := loss.Output{Name: of.name, Teacher: teacher[of.teacher], Student: student[of.student], Classify: of.classify,
			Temperature: loss.Temperature(o.Temperature, teacher[of.teacher]), Variance: 1}
		a.result(of.name, loss.KD().Emit(a.Emitter, out))
	}
	step, _, err := a.finish()
	if err != nil {
		return 0, err
	}
	p, err := j.compile(ctx, step)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	sum, batches := 0.0, 0
	err = s.someBatches(ctx, max(1, samples/o.Batch), func(b *dataset.Batch) error {
		out, err := p.run(ctx, b.Inputs)
		for _, t := range out {
			sum += t.Values()[0]
		}
		batches++
		return err
	})
	return sum / float64(max(1, batches)), err
}

package distill

import (
	"context"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
)

// Activations gives some of the teacher's values on training samples, at least as many as asked for where there are as many. Batches
// are joined along the first axis. Names that the teacher's training copy has no value of are left out.
func (j Job) Activations(ctx context.Context, names []string, samples int) (map[string]*graph.Tensor, error) {
	joined := map[string]*graph.Tensor{}
	err := j.probe(ctx, samples, func(a *assembly, teacher inlined) {
		for _, name := range names {
			if v := teacher[name]; v != nil {
				a.result("activation/"+name, v)
			}
		}
	}, func(out map[string]*graph.Tensor) {
		for _, name := range names {
			if t := out["activation/"+name]; t != nil {
				joined[name] = appended(joined[name], t)
			}
		}
	})
	return joined, err
}

// probe runs the teacher on batches of training data: emit names what is asked of its values, each is given the outputs of each batch.
func (j *Job) probe(ctx context.Context, samples int, emit func(a *assembly, teacher inlined), each func(map[string]*graph.Tensor)) error {
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
	s := &session{job: j, o: o}
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

package distill

import (
	"context"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
)

// Activations gives some of the teacher's values on training samples, at least as many as asked for where there are as many. Batches
// are joined along the first axis. Names that the teacher's training copy has no value of are left out.
func (j Job) Activations(ctx context.Context, names []string, samples int) (map[string]*graph.Tensor, error) {
	o := j.Options.withDefaults()
	if err := j.batchable(ctx, &o); err != nil {
		return nil, err
	}
	c, err := prepare(j.Teacher, j.Student, j.binding(o.Batch), o.Task, j.Train.Spec().Classes, j.ownInputs())
	if err != nil {
		return nil, err
	}
	a := newAssembly(c, "activations")
	teacher, err := a.teacher()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if v := teacher[name]; v != nil {
			a.result("activation/"+name, v)
		}
	}
	step, _, err := a.finish()
	if err != nil {
		return nil, err
	}
	p, err := j.compile(ctx, step)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	s := &session{job: &j, o: o}
	joined := map[string]*graph.Tensor{}
	err = s.someBatches(ctx, (samples+o.Batch-1)/o.Batch, func(b *dataset.Batch) error {
		out, err := p.run(ctx, b.Inputs)
		if err != nil {
			return err
		}
		for _, name := range names {
			if t := out["activation/"+name]; t != nil {
				joined[name] = appended(joined[name], t)
			}
		}
		return nil
	})
	return joined, err
}

// appended joins tensors along the first axis; t is nil at first.
func appended(t, more *graph.Tensor) *graph.Tensor {
	if t == nil {
		return more
	}
	dims := append([]int{t.Dims[0] + more.Dims[0]}, t.Dims[1:]...)
	return graph.FromValues(t.DType, dims, append(t.Values(), more.Values()...))
}

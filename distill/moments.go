package distill

import (
	"context"
	"fmt"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// Moments estimates, on batches of the training data, the mean and variance of each channel of some of the teacher's values [N,C,…].
// The value names are the keys of the result.
func (j Job) Moments(ctx context.Context, names []string) (map[string]pass.Moments, error) {
	o := j.Options.withDefaults()
	if err := j.batchable(ctx, &o); err != nil {
		return nil, err
	}
	c, err := prepare(j.Teacher, j.Student, j.binding(o.Batch), o.Task, j.Train.Spec().Classes, j.ownInputs())
	if err != nil {
		return nil, err
	}
	a := newAssembly(c, "moments")
	teacher, err := a.teacher()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		v := teacher[name]
		if v == nil || len(v.Shape) < 2 {
			return nil, fmt.Errorf("distill: the teacher has no feature map %q", name)
		}
		axes := []int64{0}
		for axis := 2; axis < len(v.Shape); axis++ {
			axes = append(axes, int64(axis))
		}
		keep := graph.Attrs{"keepdims": int64(1)}
		mean := a.Op("ReduceMean", keep, v, a.Ints(axes...))
		centred := a.sub(v, mean)
		a.result("mean/"+name, mean)
		a.result("variance/"+name, a.Op("ReduceMean", keep, a.mul(centred, centred), a.Ints(axes...)))
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
	sums := map[string]*channelSums{}
	err = s.someBatches(ctx, momentBatches, func(b *dataset.Batch) error {
		out, err := p.run(ctx, b.Inputs)
		if err != nil {
			return err
		}
		for _, name := range names {
			if sums[name] == nil {
				sums[name] = &channelSums{}
			}
			sums[name].add(out["mean/"+name].Values(), out["variance/"+name].Values())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	moments := map[string]pass.Moments{}
	for name, s := range sums {
		moments[name] = s.moments()
	}
	return moments, nil
}

// momentBatches is how many batches moments are estimated on.
const momentBatches = 16

// channelSums adds up batches' moments per channel.
type channelSums struct {
	batches              float64
	mean, square, within []float64
}

func (s *channelSums) add(mean, variance []float64) {
	if s.mean == nil {
		s.mean, s.square, s.within = make([]float64, len(mean)), make([]float64, len(mean)), make([]float64, len(mean))
	}
	s.batches++
	for c, m := range mean {
		s.mean[c] += m
		s.square[c] += m * m
		s.within[c] += variance[c]
	}
}

// moments are those over all batches: the variance is the mean of the batches' variances plus the variance of their means.
func (s *channelSums) moments() pass.Moments {
	m := pass.Moments{Mean: make([]float64, len(s.mean)), Variance: make([]float64, len(s.mean))}
	for c := range s.mean {
		m.Mean[c] = s.mean[c] / s.batches
		m.Variance[c] = s.within[c]/s.batches + max(0, s.square[c]/s.batches-m.Mean[c]*m.Mean[c])
	}
	return m
}

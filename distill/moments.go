package distill

import (
	"context"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// Moments estimates, on batches of the training data, the mean and variance of each channel of some of the model's
// values [N,C,…]. The value names are the keys of the result.
func (p Probe) Moments(ctx context.Context, names []string) (map[string]pass.Moments, error) {
	sums := map[string]*channelSums{}
	err := p.run(ctx, momentSamples, "", func(a *assembly, _ *graph.Graph, model inlined) {
		for _, name := range names {
			v := model[name]
			if v == nil || len(v.Shape) < 2 {
				a.Fail("distill: moments: the model has no feature map %q", name)
				return
			}
			axes := []int64{0}
			for axis := 2; axis < len(v.Shape); axis++ {
				axes = append(axes, int64(axis))
			}
			keep := graph.Attrs{"keepdims": int64(1)}
			mean := a.Op("ReduceMean", keep, v, a.Ints(axes...))
			centred := a.Sub(v, mean)
			a.give("mean/"+name, mean)
			a.give("variance/"+name, a.Op("ReduceMean", keep, a.Mul(centred, centred), a.Ints(axes...)))
			sums[name] = &channelSums{}
		}
	}, func(out map[string]*graph.Tensor) {
		for name, s := range sums {
			s.add(out["mean/"+name].Values(), out["variance/"+name].Values())
		}
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

// momentSamples is how many samples moments are estimated on.
const momentSamples = 1024

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

// moments are those over all batches: the variance is the mean of the batches' variances plus the variance of their
// means.
func (s *channelSums) moments() pass.Moments {
	m := pass.Moments{Mean: make([]float64, len(s.mean)), Variance: make([]float64, len(s.mean))}
	for c := range s.mean {
		m.Mean[c] = s.mean[c] / s.batches
		m.Variance[c] = s.within[c]/s.batches + max(0, s.square[c]/s.batches-m.Mean[c]*m.Mean[c])
	}
	return m
}

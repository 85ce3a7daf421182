package models

import (
	"cmp"
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// importance gives for each group the importance of its channels, with a mean of 1 over the group.
//
// With activations x on a calibration batch it is the deviation that the channel gives to what reads it, over the T readers of the group:
//
//	I(c) = √( 1/T · Σ_t V_t,c / mean_c V_t,c ),  V_t,c = var(x_c) · ‖W_t,c‖²
//
// that is how much of each reader's output is lost with the channel when its mean is made up for. It is the norm of weights times
// activations of Sun et al. 2023, Wanda, equation 1, about the mean. Without activations, and for a group without readers, it is the
// norm of the weights that go with the channel, over all T axes of weights of linear ops that the group touches, of layers that produce
// the channels and of those that read them: V_t,c = ‖W_t,c‖². That is the group norm of Fang et al. 2023, DepGraph, section 3.3, with each weight
// normalised, so that each counts the same whatever its size and scale. Weights that a batch normalisation follows are taken with that
// folded in, since its scale is part of them.
func importance(gs *pass.Groups, readers []reader, activations map[string]*graph.Tensor) ([][]float64, error) {
	sums := make([][]float64, len(gs.List)) // Σ_t of each group
	for i, group := range gs.List {
		sums[i] = make([]float64, group.Channels)
	}
	for _, r := range readers {
		x := activations[r.x.Value.Name]
		if x == nil {
			continue
		}
		_, variance, err := r.moments(x)
		if err != nil {
			return nil, err
		}
		at := make([]float64, len(variance))
		r.weights(func(in, _ int, w float64) { at[in] += w * w * variance[in] })
		addNormalised(sums[r.group], perChannel(at, r.x))
	}
	addNorms(gs, sums)
	for i, sum := range sums {
		for c := range sum {
			sum[c] = math.Sqrt(sum[c])
		}
		sums[i] = make([]float64, len(sum))
		if addNormalised(sums[i], sum); slices.Max(sums[i]) == 0 {
			for c := range sums[i] {
				sums[i][c] = 1 // nothing tells the channels apart
			}
		}
	}
	return sums, nil
}

// addNorms adds the squared norms of weights to the groups that have nothing yet.
func addNorms(gs *pass.Groups, sums [][]float64) {
	folded, to := gs.Graph.Clone()
	pass.FoldBatchNorm(folded)
	weights := map[*graph.Value]bool{}
	for _, n := range gs.Graph.Nodes {
		if s := op.Of(n); s != nil && s.MACs != nil {
			for _, v := range n.Inputs {
				if v != nil && v.Const != nil && len(v.Shape) > 1 && v.DType.IsFloat() {
					weights[v] = true
				}
			}
		}
	}
	for i, group := range gs.List {
		if slices.Max(sums[i]) > 0 {
			continue
		}
		for _, a := range group.Axes {
			if weights[a.Value] {
				addNormalised(sums[i], perChannel(squares(to[a.Value].Const, a.Axis), a))
			}
		}
	}
}

// squares sums the squares of a weight's elements for each position of an axis.
func squares(t *graph.Tensor, axis int) []float64 {
	at := make([]float64, t.Dims[axis])
	inner := graph.Product(t.Dims[axis+1:])
	for i, v := range t.Values() {
		at[i/inner%len(at)] += v * v
	}
	return at
}

// perChannel sums over the positions of each channel.
func perChannel(at []float64, a pass.GroupAxis) []float64 {
	sum := make([]float64, len(a.At))
	for c, positions := range a.At {
		for _, p := range positions {
			sum[c] += at[p]
		}
	}
	return sum
}

// addNormalised adds v divided by its mean; nothing where that is 0 or not a number.
func addNormalised(sum, v []float64) {
	mean := 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	if !(mean > 0) || math.IsInf(mean, 0) {
		return
	}
	for i, x := range v {
		sum[i] += x / mean
	}
}

// most gives the n channels of the highest importance, in rising order; of equal ones the first.
func most(importance []float64, n int) []int {
	order := make([]int, len(importance))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(importance[b], importance[a]) })
	order = order[:n]
	slices.Sort(order)
	return order
}

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
// A channel's importance is the norm of the weights that go with it, over all T axes of weights of linear ops that the group
// touches, of the layers that produce the channels and of those that read them:
//
//	I(c) = √( 1/T · Σ_t ‖W_t,c‖² / mean_c ‖W_t,c‖² )
//
// so that each weight counts the same, whatever its size and scale. It is the group norm of Fang et al. 2023, DepGraph, section 3.3, with
// each weight normalised. Weights that a batch normalisation follows are taken with that folded in, since its scale is part of them.
func importance(gs *pass.Groups) [][]float64 {
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
	all := make([][]float64, len(gs.List))
	for i, group := range gs.List {
		sum := make([]float64, group.Channels)
		for _, a := range group.Axes {
			if weights[a.Value] {
				addNormalised(sum, squares(to[a.Value].Const, a))
			}
		}
		for c := range sum {
			sum[c] = math.Sqrt(sum[c])
		}
		all[i] = make([]float64, group.Channels)
		if addNormalised(all[i], sum); slices.Max(all[i]) == 0 {
			for c := range all[i] {
				all[i][c] = 1 // nothing tells the channels apart
			}
		}
	}
	return all
}

// squares sums, for each channel, the squares of a weight's elements at the channel's positions.
func squares(t *graph.Tensor, a pass.GroupAxis) []float64 {
	at := make([]float64, t.Dims[a.Axis])
	inner := graph.Product(t.Dims[a.Axis+1:])
	for i, v := range t.Values() {
		at[i/inner%len(at)] += v * v
	}
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

package models

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Importance says what tells how much a channel matters.
type Importance string

// The kinds of importance. Reconstruction and Activation need activations, Taylor gradients; BatchNorm falls back to L2
// for channels that no batch norm scales.
const (
	Auto           Importance = ""               // Reconstruction where there are activations, else L2
	Reconstruction Importance = "reconstruction" // what the channel, with those kept, tells of what the readers give
	Activation     Importance = "activation"     // what the channel gives to the layers that read it, on data
	L2             Importance = "l2"             // the norm of all weights of the channel
	BatchNorm      Importance = "bn"             // the scale of batch norm
	Taylor         Importance = "taylor"         // what the loss would change without the channel, to first order
)

// Importances lists the names of the kinds.
func Importances() []Importance {
	return []Importance{Reconstruction, Activation, L2, BatchNorm, Taylor}
}

// rank ranks the channels of each group. Those that can't be reconstructed, since their readers are too wide, or there
// are none, are ranked by activation.
func rank(gs *pass.Groups, readers []reader, kind Importance,
	activations, gradients map[string]*graph.Tensor) ([]ranking, error) {
	values, err := importance(gs, readers, kind, activations, gradients)
	if err != nil {
		return nil, err
	}
	of := make([][]*reconstruction, len(gs.List))
	number := make([]int, len(gs.List))
	for _, r := range readers {
		number[r.group]++
		x := activations[r.x.Value.Name]
		if x == nil || kind != Auto && kind != Reconstruction {
			continue
		}
		c, ok, err := newReconstruction(r, x)
		if err != nil {
			return nil, err
		}
		if ok {
			of[r.group] = append(of[r.group], c)
		}
	}
	rankings := make([]ranking, len(gs.List))
	for i, group := range gs.List {
		if of[i] != nil {
			rankings[i] = reconstructed(group.Channels, of[i])
		} else {
			rankings[i] = ranked(values[i], number[i])
		}
	}
	return rankings, nil
}

// importance gives for each group the importance of its channels, with a mean of 1 over the group.
//
// By activation, with activations x on a calibration batch it is the deviation that the channel gives to what reads it,
// over the T readers of the group:
//
//	I(c) = √( 1/T · Σ_t V_t,c / mean_c V_t,c ),  V_t,c = var(x_c) · ‖W_t,c‖²
//
// that is how much of each reader's output is lost with the channel when its mean is made up for. It is the norm of
// weights times activations of Sun et al. 2023, Wanda, equation 1, about the mean. Without activations, and for a group
// without readers, it is the norm of the weights that go with the channel, over all T axes of weights of linear ops
// that the group touches, of layers that produce the channels and of those that read them: V_t,c = ‖W_t,c‖². That is
// the group norm of Fang et al. 2023, DepGraph, section 3.3, with each weight normalised, so that each counts the same
// whatever its size and scale. Weights that a batch normalisation follows are taken with that folded in, since its
// scale is part of them.
//
// By batch norm it is |γ| (Liu et al. 2017, Network Slimming): V_t,c = γ_t,c² over the T normalisations of the group.
// By Taylor expansion, with the gradient g of the loss in x over N samples, it is V_t,c = (1/N · Σ_n |Σ x_n,c·g_n,c|)²,
// the sum within over positions (Molchanov et al. 2017, equation 8).
func importance(gs *pass.Groups, readers []reader, kind Importance,
	activations, gradients map[string]*graph.Tensor) ([][]float64, error) {
	sums := make([][]float64, len(gs.List)) // Σ_t of each group
	for i, group := range gs.List {
		sums[i] = make([]float64, group.Channels)
	}
	switch kind {
	case BatchNorm:
		addScales(gs, sums)
	case Taylor, Activation, Reconstruction, Auto:
		for _, r := range readers {
			x, g := activations[r.x.Value.Name], gradients[r.x.Value.Name]
			if x == nil || kind == Taylor && g == nil {
				continue
			}
			_, variance, err := r.moments(x)
			if err != nil {
				return nil, err
			}
			var at []float64
			if kind == Taylor {
				at = expansion(x, g, r.x.Axis)
			} else {
				at = make([]float64, len(variance))
				r.weights(func(in, _ int, w float64) { at[in] += w * w * variance[in] })
			}
			addNormalised(sums[r.group], perChannel(at, r.x))
		}
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

// expansion is the squared mean over samples of what the loss changes, to first order, without a position of an axis.
func expansion(x, g *graph.Tensor, axis int) []float64 {
	size, inner := x.Dims[axis], graph.Product(x.Dims[axis+1:])
	samples := x.Dims[0]
	each := x.Len() / samples
	at, sums := make([]float64, size), make([]float64, size)
	xs, gs := x.Values(), g.Values()
	for n := range samples {
		clear(sums)
		for i := n * each; i < (n+1)*each; i++ {
			sums[i/inner%size] += xs[i] * gs[i]
		}
		for c, v := range sums {
			at[c] += math.Abs(v) / float64(samples)
		}
	}
	for c := range at {
		at[c] *= at[c]
	}
	return at
}

// addScales adds the squared scales of batch norm to the groups that it scales.
func addScales(gs *pass.Groups, sums [][]float64) {
	scales := map[*graph.Value]bool{}
	for _, n := range gs.Graph.Nodes {
		if s := op.Of(n); s != nil && s.Role == op.Normalisation && len(n.Inputs) == 5 && n.Inputs[1].Const != nil {
			scales[n.Inputs[1]] = true
		}
	}
	for i, group := range gs.List {
		for _, a := range group.Axes {
			if scales[a.Value] {
				addNormalised(sums[i], perChannel(squares(a.Value.Const, a.Axis), a))
			}
		}
	}
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

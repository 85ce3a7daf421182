package models

import (
	"math"
	"math/rand/v2"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// randomise replaces, in place, the float weights of linear ops and normalisations by random ones: weights of rank 2
// and more by a normal distribution of variance 2 / inputs (He et al. 2015, Delving deep into rectifiers, equation 10),
// biases by 0, and the scale, shift, mean and variance of a normalisation by 1, 0, 0 and 1. Every other constant stays.
func randomise(g *graph.Graph, gs *pass.Groups, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0x696e6974))
	values := g.ByName()
	done := map[*graph.Value]bool{}
	set := func(v *graph.Value, element func() float64) {
		w := values[v.Name]
		if w == nil || w.Const == nil || !w.DType.IsFloat() || done[w] {
			return
		}
		done[w] = true
		data := make([]float64, w.Const.Len())
		for i := range data {
			data[i] = element()
		}
		w.Const = graph.FromValues(w.DType, w.Const.Dims, data)
	}
	constant := func(c float64) func() float64 { return func() float64 { return c } }
	for _, n := range gs.Graph.Nodes {
		s := op.Of(n)
		if s == nil || s.MACs == nil && s.Role != op.Normalisation {
			continue
		}
		for i, v := range n.Inputs {
			switch {
			case v == nil || v.Const == nil:
			case s.Role == op.Normalisation && i >= 1 && i <= 4:
				set(v, constant([]float64{1, 0, 0, 1}[i-1]))
			case len(v.Shape) < 2 || i > 1:
				set(v, constant(0))
			default:
				inputs := v.Shape.Elements() / max(1, v.Shape[max(0, gs.SourceAxis(v))].Size)
				deviation := math.Sqrt(2 / float64(max(1, inputs)))
				set(v, func() float64 { return deviation * random.NormFloat64() })
			}
		}
	}
}

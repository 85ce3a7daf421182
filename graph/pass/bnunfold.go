package pass

import (
	"math"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Moments are the mean and the variance of each channel of a value, over samples and positions.
type Moments struct{ Mean, Variance []float64 }

// Unfoldable lists the outputs of linear nodes over feature maps [N,C,…] that a BatchNormalization can be put behind,
// and that a normalisation does not follow already: convolutions with constant weights and bias that another op reads.
func Unfoldable(g *graph.Graph) []*graph.Value {
	if g.Opsets[""] < 7 { // before, a BatchNormalization without is_test was one in training mode
		return nil
	}
	readers := g.Consumers()
	var outputs []*graph.Value
	for _, n := range g.Nodes {
		if n.Domain != "" || absorbing[n.Op] == nil || constantOf(n.Input(1)) == nil || len(n.Outputs) != 1 {
			continue
		}
		w, y := constantOf(n.Inputs[1]), n.Outputs[0]
		if len(w.Dims) < 3 || len(readers[y]) == 0 || w.DType != graph.Float32 {
			continue
		}
		if s := op.Of(readers[y][0]); s != nil && s.Role == op.Normalisation {
			continue
		}
		if _, ok := biasOf(n, channelsOf(n, w)); ok {
			outputs = append(outputs, y)
		}
	}
	return outputs
}

func channelsOf(n *graph.Node, w *graph.Tensor) int {
	top := 0
	for _, c := range absorbing[n.Op](n, w.Dims) {
		top = max(top, c+1)
	}
	return top
}

// UnfoldBatchNorm puts, in place, a BatchNormalization behind each of these outputs of linear nodes, the inverse of
// [FoldBatchNorm], so that the student of a teacher whose batch normalisation was folded away can be trained with it.
// Its scale is √(σ²+ε) and its shift μ, by the moments of the teacher's own values, and its running statistics are
// those that leave the function as it was; the linear node's bias is absorbed. The normalised value takes over the
// output's name.
func UnfoldBatchNorm(g *graph.Graph, moments map[*graph.Value]Moments) {
	b := graph.NewBuilder(g, op.Infer)
	readers := g.Consumers()
	nodes := g.Nodes
	g.Nodes = nil
	for _, n := range nodes {
		g.Nodes = append(g.Nodes, n)
		if len(n.Outputs) != 1 {
			continue
		}
		m, ok := moments[n.Outputs[0]]
		if !ok {
			continue
		}
		const epsilon = 1e-5
		y, channels := n.Outputs[0], len(m.Mean)
		bias, _ := biasOf(n, channels)
		scale, mean := make([]float64, channels), make([]float64, channels)
		for c := range channels {
			scale[c] = math.Sqrt(m.Variance[c] + epsilon)
			mean[c] = m.Mean[c] - bias[c]
		}
		vector := func(v []float64) *graph.Tensor { return graph.FromValues(graph.Float32, []int{channels}, v) }
		at := b.In(y.Name)
		shift := n.Input(2)
		if shift != nil && shift.Const != nil && len(readers[shift]) == 1 {
			shift.Const, shift.DType, shift.Shape = vector(m.Mean), graph.Float32, graph.Dims(channels)
		} else {
			shift = at.Const("bias", vector(m.Mean))
		}
		n.Inputs = n.Inputs[:2:2]
		raw := &graph.Value{Name: y.Name + "/linear", DType: y.DType, Shape: y.Shape.Clone(), Producer: n}
		n.Outputs = []*graph.Value{raw}
		norm := &graph.Node{Name: n.Name + "/batch_norm", Op: "BatchNormalization",
			Attrs: graph.Attrs{"epsilon": float32(epsilon)},
			Inputs: []*graph.Value{raw, at.Const("scale", vector(scale)), shift, at.Const("mean", vector(mean)),
				at.Const("variance", vector(m.Variance))},
			Outputs: []*graph.Value{y}}
		y.Producer = norm
		g.Nodes = append(g.Nodes, norm)
	}
}

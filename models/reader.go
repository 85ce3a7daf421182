package models

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// reader is a linear node that reads the channels of a group along one axis of its input x, other than the first, which
// is the batch, and gives others along its weight's output axis: y[o] = Σ_c Σ_k W[o,c,k]·x[c].
type reader struct {
	node    *graph.Node
	group   int
	x       pass.GroupAxis // channels of its input
	weight  *graph.Value
	in, out int // axes of the weight

	offset *graph.Value // a vector that is added to y, behind it: a bias; nil where there is none
	factor float64      // what an addition to y adds to it
}

// findReaders finds every reader of each group.
func findReaders(gs *pass.Groups) []reader {
	consumers := gs.Graph.Consumers()
	var readers []reader
	for i, group := range gs.List {
		for _, x := range group.Axes {
			if x.Value.Const != nil {
				continue
			}
			for _, n := range consumers[x.Value] {
				if r, ok := newReader(gs, i, x, n); ok {
					r.findOffset(gs.Graph, consumers)
					readers = append(readers, r)
				}
			}
		}
	}
	return readers
}

func newReader(gs *pass.Groups, group int, x pass.GroupAxis, n *graph.Node) (reader, bool) {
	s := op.Of(n)
	if s == nil || s.MACs == nil || x.Axis == 0 || len(n.Inputs) < 2 || n.Inputs[0] != x.Value ||
		n.Inputs[1].Const == nil {
		return reader{}, false
	}
	w, y := n.Inputs[1], n.Outputs[0]
	r := reader{node: n, group: group, x: x, weight: w, in: -1, out: gs.SourceAxis(w)}
	for _, a := range gs.List[group].Axes {
		if a.Value == w && !a.Source && slices.EqualFunc(a.At, x.At, slices.Equal[[]int]) {
			r.in = a.Axis
		}
	}
	if r.in < 0 || r.out < 0 || w.Shape[r.out].Is(0) || !w.DType.IsFloat() {
		return reader{}, false
	}
	// Each element of y has one product with each weight of its channel. That is not so of a transposed convolution.
	each := w.Shape.Elements() / w.Shape[r.out].Size
	return r, s.MACs(n) == int64(y.Shape.Elements())*int64(each)
}

// findOffset finds the vector that y is offset by: the node's own bias, the running mean of a normalisation behind it,
// or what is added next. It must be a constant that nothing else reads.
func (r *reader) findOffset(g *graph.Graph, consumers map[*graph.Value][]*graph.Node) {
	n, y := r.node, r.node.Outputs[0]
	outputs := r.weight.Shape[r.out].Size
	take := func(v *graph.Value, factor float64) {
		if v.Const != nil && v.DType.IsFloat() && v.Shape.Elements() == outputs && len(consumers[v]) == 1 {
			r.offset, r.factor = v, factor
		}
	}
	alpha, beta := n.Float("alpha", 1), n.Float("beta", 1) // of a Gemm
	if bias := n.Input(2); bias != nil {
		take(bias, alpha/beta)
		return
	}
	if len(consumers[y]) != 1 || slices.Contains(g.Outputs, y) {
		return
	}
	switch next := consumers[y][0]; {
	case next.Op == "Add" && next.Domain == "" && next.Inputs[0] == y:
		take(next.Inputs[1], alpha)
	case next.Op == "Add" && next.Domain == "":
		take(next.Inputs[0], alpha)
	case op.Of(next) != nil && op.Of(next).Role == op.Normalisation && len(next.Inputs) == 5:
		take(next.Inputs[3], -alpha)
	}
}

// moments are mean and variance of each position of a reader's input on the calibration batch.
func (r reader) moments(x *graph.Tensor) (mean, variance []float64, err error) {
	axis := r.x.Axis
	if x == nil || axis >= len(x.Dims) || x.Dims[axis] != r.x.Value.Shape[axis].Size || x.Len() == 0 {
		return nil, nil, fmt.Errorf("models: activations: %q is %v, want %v", r.x.Value.Name, x, r.x.Value.Shape)
	}
	size, inner := x.Dims[axis], graph.Product(x.Dims[axis+1:])
	mean, variance = make([]float64, size), make([]float64, size)
	each := float64(size) / float64(x.Len())
	values := x.Values()
	for row := range x.Len() / inner { // of elements at one position
		sum := 0.0
		for _, v := range values[row*inner:][:inner] {
			sum += v
		}
		mean[row%size] += sum * each
	}
	for row := range x.Len() / inner {
		about, sum := mean[row%size], 0.0
		for _, v := range values[row*inner:][:inner] {
			sum += (v - about) * (v - about)
		}
		variance[row%size] += sum * each
	}
	return mean, variance, nil
}

// weights visits every weight with the input position and the output that it connects.
func (r reader) weights(visit func(in, out int, w float64)) {
	t := r.weight.Const
	innerIn, innerOut := graph.Product(t.Dims[r.in+1:]), graph.Product(t.Dims[r.out+1:])
	for i, w := range t.Values() {
		visit(i/innerIn%t.Dims[r.in], i/innerOut%t.Dims[r.out], w)
	}
}

package models

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// reader is a linear node that reads channels of a group along one axis of its input and gives others along its weight's output axis:
// y[o] = bias[o] + Σ_c Σ_k W[o,c,k]·x[c].
type reader struct {
	node    *graph.Node
	axis    pass.GroupAxis // of the input
	in, out int            // axes of the weight
	group   int
}

// absorbMeans adds, in place, to the biases of the student what the removed channels gave on average: for a reader with bias,
//
//	bias[o] += Σ_{c removed} mean(x[c]) · Σ_k W[o,c,k]
//
// It takes padding for the mean, too. Readers without a bias of their own are left; a normalisation behind them takes care of the mean.
func absorbMeans(gs *pass.Groups, keep [][]int, sliced *pass.Sliced, means func([]string) (map[string]*graph.Tensor, error)) error {
	readers := findReaders(gs)
	readers = slices.DeleteFunc(readers, func(r reader) bool { return len(keep[r.group]) == gs.List[r.group].Channels })
	var names []string
	for _, r := range readers {
		if !slices.Contains(names, r.axis.Value.Name) {
			names = append(names, r.axis.Value.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	values, err := means(names)
	if err != nil {
		return fmt.Errorf("models: means of activations: %w", err)
	}
	own := sliced.Graph.ByName()
	for _, r := range readers {
		x := values[r.axis.Value.Name]
		if x == nil || r.axis.Axis >= len(x.Dims) || x.Dims[r.axis.Axis] != r.axis.Value.Shape[r.axis.Axis].Size {
			return fmt.Errorf("models: means of activations: %q is %v, want %v", r.axis.Value.Name, x, r.axis.Value.Shape)
		}
		bias := own[r.node.Inputs[2].Name]
		if bias == nil || bias.Const == nil {
			continue // computed by nodes, and whole
		}
		shift := r.shift(x, keep[r.group])
		data := bias.Const.Values()
		if at := sliced.Kept[bias.Name]; at != nil {
			for i, o := range at[0] {
				data[i] += shift[o]
			}
		} else {
			for o := range data {
				data[o] += shift[o]
			}
		}
		bias.Const = graph.FromValues(bias.DType, bias.Const.Dims, data)
	}
	return nil
}

// findReaders finds the readers whose bias is a vector that no other node reads.
func findReaders(gs *pass.Groups) []reader {
	consumers := gs.Graph.Consumers()
	var readers []reader
	for i, group := range gs.List {
		for _, a := range group.Axes {
			if a.Value.Const != nil {
				continue
			}
			for _, n := range consumers[a.Value] {
				s := op.Of(n)
				if s == nil || s.MACs == nil || n.Input(2) == nil || n.Inputs[0] != a.Value || n.Inputs[1].Const == nil {
					continue
				}
				w, b := n.Inputs[1], n.Inputs[2]
				r := reader{node: n, axis: a, in: -1, out: -1, group: i}
				for _, other := range group.Axes {
					if other.Value == w && !other.Source && slices.EqualFunc(other.At, a.At, slices.Equal[[]int]) {
						r.in = other.Axis
					}
				}
				r.out = gs.SourceAxis(w)
				everyWeightOnce := s.MACs(n) == int64(n.Outputs[0].Shape.Elements())*int64(w.Shape.Elements()/max(1, w.Shape[max(0, r.out)].Size))
				if r.in >= 0 && r.out >= 0 && everyWeightOnce && b.Const != nil && b.DType.IsFloat() && len(b.Shape) == 1 && len(consumers[b]) == 1 &&
					b.Shape[0] == w.Shape[r.out] {
					readers = append(readers, r)
				}
			}
		}
	}
	return readers
}

// shift is what the removed channels give to each output on average.
func (r reader) shift(x *graph.Tensor, keep []int) []float64 {
	size := x.Dims[r.axis.Axis]
	mean := make([]float64, size)
	inner := graph.Product(x.Dims[r.axis.Axis+1:])
	each := float64(size) / float64(x.Len())
	for i, v := range x.Values() {
		mean[i/inner%size] += v * each
	}
	removed := make([]bool, size)
	for c, at := range r.axis.At {
		if _, kept := slices.BinarySearch(keep, c); !kept {
			for _, p := range at {
				removed[p] = true
			}
		}
	}
	w := r.node.Inputs[1].Const
	innerIn, innerOut := graph.Product(w.Dims[r.in+1:]), graph.Product(w.Dims[r.out+1:])
	scale := r.node.Float("alpha", 1) / r.node.Float("beta", 1) // of a Gemm
	shift := make([]float64, w.Dims[r.out])
	for i, v := range w.Values() {
		if c := i / innerIn % size; removed[c] {
			shift[i/innerOut%len(shift)] += v * mean[c] * scale
		}
	}
	return shift
}

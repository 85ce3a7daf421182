package models

import (
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// absorbMeans offsets, in place, what the student's layers read by what the removed channels gave on average: for a reader with a bias,
//
//	bias[o] += Σ_{c removed} mean(x[c]) · Σ_k W[o,c,k]
//
// It takes padding for the mean, too. A normalisation behind a reader without bias has its running mean lowered by as much.
func absorbMeans(gs *pass.Groups, keep [][]int, sliced *pass.Sliced, readers []reader, activations map[string]*graph.Tensor) error {
	own := sliced.Graph.ByName()
	for _, r := range readers {
		if r.offset == nil || len(keep[r.group]) == gs.List[r.group].Channels {
			continue
		}
		offset := own[r.offset.Name]
		if offset == nil || offset.Const == nil {
			continue // nodes compute it, and it is whole
		}
		mean, _, err := r.moments(activations[r.x.Value.Name])
		if err != nil {
			return err
		}
		removed := make([]bool, len(mean))
		for c, at := range r.x.At {
			if _, kept := slices.BinarySearch(keep[r.group], c); !kept {
				for _, p := range at {
					removed[p] = true
				}
			}
		}
		shift := make([]float64, r.weight.Shape[r.out].Size)
		r.weights(func(in, out int, w float64) {
			if removed[in] {
				shift[out] += w * mean[in] * r.factor
			}
		})
		if kept := sliced.Kept[r.weight.Name]; kept != nil && kept[r.out] != nil {
			for i, o := range kept[r.out] {
				shift[i] = shift[o]
			}
		}
		data := offset.Const.Values()
		for i := range data {
			data[i] += shift[i]
		}
		offset.Const = graph.FromValues(offset.DType, offset.Const.Dims, data)
	}
	return nil
}

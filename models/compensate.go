package models

import (
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// compensate changes, in place, the student's layers so that they make up for the channels that they no longer read.
// Each removed channel is predicted from the kept ones, by least squares on the calibration batch, see [regress]:
//
//	x[r] ≈ mean(x[r]) + Σ_k B[r,k]·(x[k] − mean(x[k]))
//
// and put into its place in y[o] = bias[o] + Σ_c W[o,c]·x[c], at every position of the kernel:
//
//	W[o,k] += Σ_r W[o,r]·B[r,k],   bias[o] += Σ_r W[o,r]·(mean(x[r]) − Σ_k B[r,k]·mean(x[k]))
//
// It is how He, Zhang, Sun 2017, Channel pruning, section 3.1, restore a layer's output, in closed form. It takes
// padding for the mean, too. A normalisation behind a layer without bias has its running mean lowered by as much. A
// weight that several nodes read stays.
func compensate(gs *pass.Groups, sliced *pass.Sliced, readers []reader, activations map[string]*graph.Tensor) error {
	own := sliced.Graph.ByName()
	reads := gs.Graph.Consumers()
	done := map[*graph.Value]bool{}
	for _, r := range readers {
		w, kept := own[r.weight.Name], sliced.Kept[r.weight.Name]
		x := activations[r.x.Value.Name]
		if x == nil || kept == nil || kept[r.in] == nil || w.Const == nil || len(reads[r.weight]) != 1 || done[r.weight] {
			continue
		}
		done[r.weight] = true // by all groups that lie along its axis
		mean, _, err := r.moments(x)
		if err != nil {
			return err
		}
		removed := complement(kept[r.in], len(mean))
		b := regress(x, r.x.Axis, mean, kept[r.in], removed)
		whole := r.weight.Const
		if kept[r.out] != nil {
			whole = whole.Take(r.out, kept[r.out])
		}
		w.Const = replaced(w.Const, whole, r.in, b, kept[r.in], removed)
		if r.offset == nil || own[r.offset.Name] == nil || own[r.offset.Name].Const == nil {
			continue
		}
		rest := make([]float64, len(mean)) // of the removed: what the kept ones do not tell
		for i, p := range removed {
			rest[p] = mean[p] - dot(b[i], mean, kept[r.in])
		}
		offset := own[r.offset.Name]
		data := offset.Const.Values()
		innerIn, innerOut := graph.Product(whole.Dims[r.in+1:]), graph.Product(whole.Dims[r.out+1:])
		for i, v := range whole.Values() {
			data[i/innerOut%whole.Dims[r.out]] += v * rest[i/innerIn%whole.Dims[r.in]] * r.factor
		}
		offset.Const = graph.FromValues(offset.DType, offset.Const.Dims, data)
	}
	return nil
}

// replaced is the weight of the kept positions of an axis with that of the removed ones, in whole, spread over it.
func replaced(w, whole *graph.Tensor, axis int, b [][]float64, kept, removed []int) *graph.Tensor {
	data, from := w.Values(), whole.Values()
	inner := graph.Product(w.Dims[axis+1:])
	for outer := range graph.Product(w.Dims[:axis]) {
		for i, p := range removed {
			lost := from[(outer*whole.Dims[axis]+p)*inner:][:inner]
			for k, by := range b[i] {
				left := data[(outer*len(kept)+k)*inner:][:inner]
				for j, v := range lost {
					left[j] += by * v
				}
			}
		}
	}
	return graph.FromValues(w.DType, w.Dims, data)
}

func complement(kept []int, size int) []int {
	var rest []int
	for p := range size {
		if _, found := slices.BinarySearch(kept, p); !found {
			rest = append(rest, p)
		}
	}
	return rest
}

func dot(b, v []float64, at []int) float64 {
	sum := 0.0
	for k, by := range b {
		sum += by * v[at[k]]
	}
	return sum
}

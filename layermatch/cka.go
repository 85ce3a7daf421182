package layermatch

import (
	"fmt"
	"math"

	"github.com/ildc/ildc/graph"
)

// Activations gives the values of these names when a graph runs on a calibration batch; axis 0 is the batch.
type Activations func(g *graph.Graph, names []string) (map[string]*graph.Tensor, error)

// gram is X·Xᵀ of the samples' features with each feature centred over the batch, scaled to norm 1: [N,N].
type gram []float64

// newGram flattens a value [N,…] to one row of features per sample.
func newGram(t *graph.Tensor) gram {
	n := t.Dims[0]
	x := t.Values()
	features := len(x) / n
	for f := range features {
		mean := 0.0
		for i := range n {
			mean += x[i*features+f] / float64(n)
		}
		for i := range n {
			x[i*features+f] -= mean
		}
	}
	k := make(gram, n*n)
	for i := range n {
		for j := range i + 1 {
			k[i*n+j] = dot(x[i*features:][:features], x[j*features:][:features])
			k[j*n+i] = k[i*n+j]
		}
	}
	norm := math.Sqrt(dot(k, k))
	for i := range k {
		k[i] /= math.Max(norm, math.SmallestNonzeroFloat64)
	}
	return k
}

// cka is linear centred kernel alignment, ‖YᵀX‖²/(‖XᵀX‖·‖YᵀY‖) in Frobenius norms, computed from the samples' Gram matrices
// (Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited", section 3).
func cka(x, y gram) float64 { return dot(x, y) }

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// grams runs a graph on the calibration batch, and gives the Gram matrix of each candidate.
func (n *network) grams(run Activations) ([]gram, error) {
	names := make([]string, len(n.chains))
	for i, c := range n.chains {
		names[i] = c.Name
	}
	values, err := run(n.graph, names)
	if err != nil {
		return nil, fmt.Errorf("layermatch: activations: %w", err)
	}
	all := make([]gram, len(names))
	for i, name := range names {
		t := values[name]
		if t == nil || len(t.Dims) == 0 || t.Len() == 0 {
			return nil, fmt.Errorf("layermatch: activations: none for value %q", name)
		}
		all[i] = newGram(t)
	}
	return all, nil
}

package layermatch

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Activations gives the values of these names when a graph runs on a calibration batch; axis 0 is the batch.
type Activations func(g *graph.Graph, names []string) (map[string]*graph.Tensor, error)

// Similarity is how alike the candidates of two models represent a calibration batch: linear CKA, see [cka], of those
// that activations were given of. It is a heat map with the teacher's values as rows.
type Similarity struct {
	Teacher []string    `json:"teacher"` // in total order
	Student []string    `json:"student"`
	CKA     [][]float64 `json:"cka"` // [teacher][student]; 1 for equal but for turning and scaling, about 0 for unrelated
}

// Similar compares all candidates of two models, with shapes inferred.
func Similar(teacher, student *graph.Graph, run Activations) (*Similarity, error) {
	return analyse(teacher).similar(analyse(student), run)
}

func (n *network) similar(student *network, run Activations) (*Similarity, error) {
	ts, err := n.grams(run)
	if err != nil {
		return nil, err
	}
	ss, err := student.grams(run)
	if err != nil {
		return nil, err
	}
	m := &Similarity{Teacher: n.named(ts), Student: student.named(ss), CKA: make([][]float64, len(ts))}
	for i, t := range m.Teacher {
		m.CKA[i] = make([]float64, len(ss))
		for j, s := range m.Student {
			if len(ts[t]) == len(ss[s]) {
				m.CKA[i][j] = cka(ts[t], ss[s])
			}
		}
	}
	return m, nil
}

// between is the CKA of two values; 0 where there is none.
func (m *Similarity) between(teacher, student string) float64 {
	if m == nil {
		return 0
	}
	i, j := slices.Index(m.Teacher, teacher), slices.Index(m.Student, student)
	if i < 0 || j < 0 {
		return 0
	}
	return m.CKA[i][j]
}

// named lists the candidates that have a Gram matrix.
func (n *network) named(grams map[string]gram) []string {
	names := make([]string, 0, len(grams))
	for _, c := range n.chains {
		if grams[c.Name] != nil {
			names = append(names, c.Name)
		}
	}
	return names
}

// gram is X·Xᵀ of the samples' features, without its diagonal, centred without bias, and scaled to norm 1: [N,N].
type gram []float64

// leastSamples is how many samples an unbiased estimate takes.
const leastSamples = 4

// newGram flattens a value [N,…] to one row of features per sample.
func newGram(t *graph.Tensor) gram {
	n := t.Dims[0]
	x := t.Values()
	features := len(x) / n
	k := make(gram, n*n)
	sums := make([]float64, n)
	all := 0.0
	for i := range n {
		for j := range i {
			k[i*n+j] = dot(x[i*features:][:features], x[j*features:][:features])
			k[j*n+i] = k[i*n+j]
			sums[i], sums[j], all = sums[i]+k[i*n+j], sums[j]+k[i*n+j], all+2*k[i*n+j]
		}
	}
	for i := range n {
		for j := range n {
			if i != j {
				k[i*n+j] += all/float64((n-1)*(n-2)) - (sums[i]+sums[j])/float64(n-2)
			}
		}
	}
	norm := math.Sqrt(dot(k, k))
	for i := range k {
		k[i] /= math.Max(norm, math.SmallestNonzeroFloat64)
	}
	return k
}

// cka is linear centred kernel alignment, HSIC(K,L)/√(HSIC(K,K)·HSIC(L,L)) with K = X·Xᵀ (Kornblith et al. 2019,
// "Similarity of Neural Network Representations Revisited", equation 4), with the unbiased estimate of HSIC (Song et
// al. 2012, equation 5), by which unrelated features of a few samples are not alike, as they are by the biased one. In
// the form of Székely and Rizzo 2014, equation 2.1, that is the product of two matrices.
func cka(x, y gram) float64 { return dot(x, y) }

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// grams runs a graph on the calibration batch, and gives the Gram matrix of each candidate that it has a value of.
func (n *network) grams(run Activations) (map[string]gram, error) {
	names := make([]string, len(n.chains))
	for i, c := range n.chains {
		names[i] = c.Name
	}
	values, err := run(n.graph, names)
	if err != nil {
		return nil, fmt.Errorf("layermatch: activations: %w", err)
	}
	all := map[string]gram{}
	for _, name := range names {
		if t := values[name]; t != nil && len(t.Dims) > 0 && t.Len() > 0 {
			if t.Dims[0] < leastSamples {
				return nil, fmt.Errorf("layermatch: activations: %d samples of value %q: want %d or more", t.Dims[0], name,
					leastSamples)
			}
			all[name] = newGram(t)
		}
	}
	if len(names) > 0 && len(all) == 0 {
		return nil, errors.New("layermatch: activations: none for any value")
	}
	return all, nil
}

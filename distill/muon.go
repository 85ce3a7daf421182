package distill

import (
	"math"
	"slices"

	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// besideMuon is the learning rate of what is no matrix, which AdamW moves, for that of matrices.
const besideMuon = 0.3

// leastRMS is what the elements of a matrix count as, in the mean, where they are less: one of zeros would stay so.
const leastRMS = 1e-3

// newtonSchulz are the coefficients of a quintic a·x + b·x³ + c·x⁵ that, applied this often, takes any x
// from 0.002 to 1 to within a third of 1 (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural
// networks").
var newtonSchulz = struct {
	a, b, c float64
	times   int
}{3.4445, -4.7750, 2.0315, 5}

// muon moves matrices by their momentum made orthogonal (Jordan et al. 2024), so that every direction of a layer learns
// as fast, and by a part of their own norm (LARS: You, Gitman, Ginsburg 2017, arXiv:1708.03888, equation 6), so that
// the learning rate, which is that part, means the same for any layer. AdamW moves everything else.
func (o Optimiser) muon(e *loss.Emitter, params, grads []*graph.Value, lr *graph.Value, carry state) []*graph.Value {
	consumers := e.Graph().Consumers()
	var matrices, others []int
	for i, p := range params {
		if isMatrix(p, consumers[p]) {
			matrices = append(matrices, i)
		} else {
			others = append(others, i)
		}
	}
	next := make([]*graph.Value, len(params))
	if p := at(params, others); len(p) > 0 {
		moved := o.adamW(e, flatten(e, p), flatten(e, at(grads, others)), o.decay(e, p), e.Scale(lr, besideMuon), carry)
		put(next, others, unflatten(e, moved, p))
	}
	if p := at(params, matrices); len(p) > 0 {
		directions := unflatten(e, o.accelerate(e, flatten(e, at(grads, matrices)), carry), p)
		for i, w := range p {
			norm := e.Op("Sqrt", nil, e.Fold("ReduceSumSquare", w))
			least := leastRMS * math.Sqrt(float64(w.Shape.Elements()))
			step := e.Mul(orthogonal(e, directions[i]), e.Op("Max", nil, norm, e.Scalar(w.DType, least)))
			if o.WeightDecay > 0 {
				step = e.Add(step, e.Scale(w, o.WeightDecay))
			}
			next[matrices[i]] = e.Sub(w, e.Mul(step, lr))
		}
	}
	return next
}

// isMatrix says whether a parameter maps channels to channels: a linear op has it as its weights, every output reads
// all inputs, and it has two rows and columns at least. Embeddings and filters of one channel each are none.
func isMatrix(p *graph.Value, readers []*graph.Node) bool {
	linear := slices.ContainsFunc(readers, func(n *graph.Node) bool {
		s := op.Of(n)
		if s == nil || s.Weights == nil || n.Input(1) != p {
			return false
		}
		_, _, whole := s.Weights(n)
		return whole
	})
	if !linear {
		return false
	}
	rows, columns := sides(p)
	return rows > 1 && columns > 1
}

// sides are those of a weight [rows,…] as a matrix.
func sides(w *graph.Value) (rows, columns int) {
	rows = w.Shape[0].Size
	return rows, w.Shape.Elements() / rows
}

// orthogonal gives the matrix that is nearest to a multiple of d and has singular values near 1, divided by the root of
// their number, so that its norm is near 1.
func orthogonal(e *loss.Emitter, d *graph.Value) *graph.Value {
	rows, columns := sides(d)
	turned := func(v *graph.Value) *graph.Value { return e.Op("Transpose", graph.Attrs{"perm": []int64{1, 0}}, v) }
	x := e.Op("Reshape", nil, d, e.Ints(int64(rows), int64(columns)))
	if rows > columns { // products are of the short side
		x = turned(x)
	}
	x = e.Div(x, e.Op("Sqrt", nil, e.Add(e.Fold("ReduceSumSquare", x), e.Scalar(d.DType, 1e-20))))
	for range newtonSchulz.times {
		square := e.Op("MatMul", nil, x, turned(x))
		by := e.Add(e.Scale(square, newtonSchulz.b), e.Scale(e.Op("MatMul", nil, square, square), newtonSchulz.c))
		x = e.Add(e.Scale(x, newtonSchulz.a), e.Op("MatMul", nil, by, x))
	}
	if rows > columns {
		x = turned(x)
	}
	sizes := make([]int64, len(d.Shape))
	for i, s := range d.Shape {
		sizes[i] = int64(s.Size)
	}
	return e.Scale(e.Op("Reshape", nil, x, e.Ints(sizes...)), 1/math.Sqrt(float64(min(rows, columns))))
}

// at gives those of vs that are in some places.
func at(vs []*graph.Value, places []int) []*graph.Value {
	some := make([]*graph.Value, len(places))
	for i, place := range places {
		some[i] = vs[place]
	}
	return some
}

// put is the reverse of [at].
func put(vs []*graph.Value, places []int, some []*graph.Value) {
	for i, place := range places {
		vs[place] = some[i]
	}
}

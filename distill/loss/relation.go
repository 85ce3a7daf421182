package loss

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// relation compares how alike positions are by the values that attention weighs: R = softmax(V·Vᵀ/√d), the mean over
// positions of KL(R teacher ‖ R student) (Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation", equation 5). V
// has the values of all heads of a position one after the other, as one relation head of MiniLMv2 (Wang et al. 2021,
// section 3), so that neither the number of heads nor their width need agree.
func relation() FeatureLoss {
	return FeatureLoss{
		Name: "relation", Source: "Wang et al. 2020, arXiv:2002.10957", Role: Values,
		Refuse: func(p Feature) string {
			if t, s := p.Teacher.Shape, p.Student.Shape; !t[2].Equal(s[2]) || !t[0].Equal(s[0]) {
				return "teacher and student attend to another number of positions"
			}
			return ""
		},
		Teacher: func(e *Emitter, p Feature) *graph.Value {
			return e.Op("Softmax", graph.Attrs{"axis": int64(-1)}, relations(e, p.Teacher))
		},
		Student: func(e *Emitter, p Feature) *graph.Value {
			return e.Op("LogSoftmax", graph.Attrs{"axis": int64(-1)}, relations(e, p.Student))
		},
		// A divergence has a scale of its own: that of the term is taken back.
		Distance: func(e *Emitter, t, s *graph.Value, variance float64) *graph.Value {
			log := e.Op("Log", nil, e.Op("Max", nil, t, e.Scalar(t.DType, 1e-30)))
			sum := e.Fold("ReduceSum", e.Mul(t, e.Sub(log, s)))
			return e.Scale(sum, variance/float64(t.Shape[0].Size*t.Shape[1].Size))
		},
	}
}

// relations are the scaled products of each position's values with every other's: [N,positions,positions].
func relations(e *Emitter, v *graph.Value) *graph.Value {
	heads, width := v.Shape[1].Size, v.Shape[3].Size
	joint := e.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 1, 3}}, v)
	joint = e.Op("Reshape", nil, joint, e.Ints(int64(v.Shape[0].Size), int64(v.Shape[2].Size), int64(heads*width)))
	products := e.Op("MatMul", nil, joint, e.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 1}}, joint))
	return e.Scale(products, 1/math.Sqrt(float64(heads*width)))
}

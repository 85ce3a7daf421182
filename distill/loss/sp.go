package loss

import "github.com/ildc/ildc/graph"

// sp compares which samples of a batch are alike: Q = vec of each sample's map, G = Q·Qᵀ [N,N], each row divided by its
// L2 norm (Tung, Mori 2019, "Similarity-Preserving Knowledge Distillation", equations 1 to 4). Maps of any two shapes
// can be compared, without a connector.
func sp() FeatureLoss {
	return FeatureLoss{
		Name: "sp", Source: "Tung, Mori 2019, arXiv:1907.09682",
		Refuse: func(p Feature) string {
			if t, s := p.Teacher.Shape[0], p.Student.Shape[0]; t.Size < 2 || s.Size != t.Size {
				return "similarities need a batch of two samples or more"
			}
			return ""
		},
		Teacher: func(e *Emitter, p Feature) *graph.Value { return similarities(e, p.Teacher) },
		Student: func(e *Emitter, p Feature) *graph.Value { return similarities(e, p.Student) },
	}
}

// similarities are the inner products of the samples of v, each row divided by its norm: [N,N].
func similarities(e *Emitter, v *graph.Value) *graph.Value {
	q := v
	if len(v.Shape) > 2 {
		q = e.Op("Reshape", nil, v, e.Ints(int64(v.Shape[0].Size), -1))
	}
	return e.unit(e.Op("MatMul", nil, q, e.Op("Transpose", graph.Attrs{"perm": []int64{1, 0}}, q)), 1)
}

package loss

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// attn compares the scores of attention heads, A = Q·Kᵀ/√d before the Softmax: the mean squared error over heads,
// queries and keys (Jiao et al. 2020, "TinyBERT: Distilling BERT for Natural Language Understanding", equation 7). Of a
// student with fewer heads the teacher's kept ones are gathered; where it is not known which those are, both sides are
// averaged over their heads. Scores that are masked out count as 0.
func attn() FeatureLoss {
	return FeatureLoss{
		Name: "attn", Source: "Jiao et al. 2020, arXiv:1909.10351", Role: Scores,
		Refuse: func(p Feature) string {
			if t, s := p.Teacher.Shape, p.Student.Shape; !slices.Equal(t[2:], s[2:]) || !t[0].Equal(s[0]) {
				return "teacher and student attend from, or to, another number of positions"
			}
			return ""
		},
		Teacher: func(e *Emitter, p Feature) *graph.Value {
			scores := unmasked(e, p.Teacher)
			if p.Kept != nil && len(p.Kept) < p.Teacher.Shape[p.Channel].Size {
				kept := make([]int64, len(p.Kept))
				for i, k := range p.Kept {
					kept[i] = int64(k)
				}
				return e.Op("Gather", graph.Attrs{"axis": int64(p.Channel)}, scores, e.Ints(kept...))
			}
			return overHeads(e, scores, p)
		},
		Student: func(e *Emitter, p Feature) *graph.Value { return overHeads(e, unmasked(e, p.Student), p) },
	}
}

// masked is the score below which a key is hidden: masks add −10000, or −∞.
const masked = -100

func unmasked(e *Emitter, v *graph.Value) *graph.Value {
	return e.Op("Where", nil, e.Op("Greater", nil, v, e.Scalar(v.DType, masked)), v, e.Scalar(v.DType, 0))
}

// overHeads averages over the heads where they don't correspond one to one.
func overHeads(e *Emitter, v *graph.Value, p Feature) *graph.Value {
	if p.Kept != nil || p.Teacher.Shape[p.Channel].Equal(p.Student.Shape[p.Channel]) {
		return v
	}
	return e.Op("ReduceMean", nil, v, e.Ints(int64(p.Channel)))
}

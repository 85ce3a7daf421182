package loss

import "github.com/ildc/ildc/graph"

// at compares attention maps: Q = vec(mean over channels of F²), each divided by its L2 norm (Zagoruyko, Komodakis
// 2017, "Paying More Attention to Attention", equations 1 and 2, with p = 2). It needs no connector, since channels are
// averaged away.
func at() FeatureLoss {
	return FeatureLoss{
		Name: "at", Source: "Zagoruyko, Komodakis 2017, arXiv:1612.03928",
		Refuse: func(p Feature) string {
			if len(p.Teacher.Shape) < 3 {
				return "an attention map needs positions, and the map is a vector"
			}
			return unbridgeable(p)
		},
		Teacher: func(e *Emitter, p Feature) *graph.Value {
			return attention(e, poolTo(e, p.Teacher, p.Student, p.Channel), p.Channel)
		},
		Student: func(e *Emitter, p Feature) *graph.Value {
			return attention(e, poolTo(e, p.Student, p.Teacher, p.Channel), p.Channel)
		},
	}
}

// attention is the normalised attention map of v, [N,positions].
func attention(e *Emitter, v *graph.Value, channel int) *graph.Value {
	q := e.Op("ReduceSumSquare", graph.Attrs{"keepdims": int64(0)}, v, e.Ints(int64(channel)))
	q = e.Op("Reshape", nil, e.Scale(q, 1/float64(v.Shape[channel].Size)), e.Ints(int64(v.Shape[0].Size), -1))
	return e.unit(q, 1)
}

package loss

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// ab makes the student's neurons active where the teacher's are: the squared hinge on the pre-activation t of the
// teacher and, through a trained connector r, s of the student (Heo et al. 2019, "Knowledge Transfer via Distillation
// of Activation Boundaries Formed by Hidden Neurons", equation 4):
//
//	mean of max(0, μ − r(s))² where t > 0, and of max(0, μ + r(s))² elsewhere
//
// The margin μ is the deviation of the teacher's pre-activations; the paper's is 1, which fits nets of one scale.
func ab() FeatureLoss {
	return FeatureLoss{
		Name: "ab", Source: "Heo et al. 2019, arXiv:1811.03233",
		Refuse: func(p Feature) string {
			if p.Pre == nil {
				return "an activation boundary needs an activation on both sides, and the map is not the output of one"
			}
			if why := tooWide(*p.Pre); why != "" {
				return why
			}
			return unbridgeable(*p.Pre)
		},
		Teacher: func(e *Emitter, p Feature) *graph.Value {
			return poolTo(e, p.Pre.Teacher, p.Pre.Student, p.Channel)
		},
		Student: func(e *Emitter, p Feature) *graph.Value {
			return connect(e, "ab", *p.Pre, poolTo(e, p.Pre.Student, p.Pre.Teacher, p.Channel))
		},
		Distance: func(e *Emitter, t, s *graph.Value, variance float64) *graph.Value {
			zero, one := e.Scalar(t.DType, 0), e.Scalar(t.DType, 1)
			side := e.Op("Where", nil, e.Op("Greater", nil, t, zero), one, e.Scalar(t.DType, -1))
			short := e.Op("Relu", nil, e.Sub(e.Scalar(t.DType, math.Sqrt(variance)), e.Mul(side, s)))
			return e.Scale(e.Fold("ReduceSumSquare", short), 1/float64(max(1, s.Shape.Elements())))
		},
	}
}

package loss

import "github.com/ildc/ildc/graph"

// hint makes the student's map, through a trained connector, resemble the teacher's: the mean of (r(s) − t)², r a 1×1
// convolution, or a matrix for maps whose channels come last (Romero et al. 2015, "FitNets: Hints for Thin Deep Nets",
// equation 3). The connector starts as the scatter onto the kept channels where they are known.
func hint() FeatureLoss {
	return FeatureLoss{
		Name: "hint", Source: "Romero et al. 2015, arXiv:1412.6550",
		Refuse: func(p Feature) string {
			if why := tooWide(p); why != "" {
				return why
			}
			return unbridgeable(p)
		},
		Teacher: func(e *Emitter, p Feature) *graph.Value {
			return poolTo(e, p.Teacher, p.Student, p.Channel)
		},
		Student: func(e *Emitter, p Feature) *graph.Value {
			return connect(e, "hint", p, poolTo(e, p.Student, p.Teacher, p.Channel))
		},
	}
}

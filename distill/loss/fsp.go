package loss

import "github.com/ildc/ildc/graph"

// fsp compares the flow of solution procedure between the first and the last map of a stage: the matrix of the inner
// products of their channels over all P positions, G[i,j] = 1/P · Σ_p F1[i,p]·F2[j,p] (Yim et al. 2017, "A Gift from
// Knowledge Distillation", equation 1). The teacher's channels that the student does not have are left out; where it is
// not known which these are, trained connectors bring the student's maps to the teacher's channels.
func fsp() FeatureLoss {
	return FeatureLoss{
		Name: "fsp", Source: "Yim et al. 2017, CVPR",
		Refuse: func(p Feature) string {
			switch {
			case p.First == nil:
				return "the flow of a stage needs a first map beside the last, and the stage has one"
			case len(p.Teacher.Shape) < 3:
				return "the flow between maps needs positions, and the map is a vector"
			}
			for _, each := range []Feature{p, *p.First} {
				if why := unbridgeable(each); why != "" {
					return why
				}
				if each.Kept == nil {
					if why := tooWide(each); why != "" {
						return why
					}
				}
			}
			return ""
		},
		Teacher: func(e *Emitter, p Feature) *graph.Value {
			side := func(p Feature) *graph.Value {
				t := poolTo(e, p.Teacher, p.Student, p.Channel)
				if p.Kept == nil {
					return t
				}
				kept := make([]int64, len(p.Kept))
				for i, c := range p.Kept {
					kept[i] = int64(c)
				}
				return e.Op("Gather", graph.Attrs{"axis": int64(p.Channel)}, t, e.Ints(kept...))
			}
			return flow(e, side(*p.First), side(p), p.Channel)
		},
		Student: func(e *Emitter, p Feature) *graph.Value {
			side := func(p Feature) *graph.Value {
				s := poolTo(e, p.Student, p.Teacher, p.Channel)
				if p.Kept == nil {
					s = connect(e, "fsp", p, s)
				}
				return s
			}
			return flow(e, side(*p.First), side(p), p.Channel)
		},
	}
}

// flow is the matrix of inner products of the channels of two maps over their positions, each divided by their number:
// [N,C1,C2].
func flow(e *Emitter, first, last *graph.Value, channel int) *graph.Value {
	swap := graph.Attrs{"perm": []int64{0, 2, 1}}
	a, b := positions(e, first, channel), positions(e, last, channel)
	n := a.Shape[2].Size
	if channel == 1 {
		b = e.Op("Transpose", swap, b)
	} else {
		n, a = a.Shape[1].Size, e.Op("Transpose", swap, a)
	}
	return e.Scale(e.Op("MatMul", nil, a, b), 1/float64(n))
}

// positions joins the axes of positions of a map into one: [N,C,P], or [N,P,C] where channels come last.
func positions(e *Emitter, v *graph.Value, channel int) *graph.Value {
	if len(v.Shape) == 3 {
		return v
	}
	to := []int64{int64(v.Shape[0].Size), int64(v.Shape[1].Size), -1}
	if channel != 1 {
		to[1], to[2] = -1, int64(v.Shape[channel].Size)
	}
	return e.Op("Reshape", nil, v, e.Ints(to...))
}

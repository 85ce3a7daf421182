package loss

import "github.com/ildc/ildc/graph"

// dist wants the student's probabilities to be correlated with the teacher's, and not equal: Pearson's ρ between the
// classes of each sample, and between the samples of each class (Huang et al. 2022, "Knowledge Distillation from A
// Stronger Teacher", equations 6 to 8, both parts with weight 1; the paper's experiments have 2):
//
//	(1 − mean over samples of ρ(p_t[i,:], p_s[i,:])) + (1 − mean over classes of ρ(p_t[:,k], p_s[:,k]))
//	p = softmax(logits/T)
func dist() OutputLoss {
	l := OutputLoss{Name: "dist", Source: "Huang et al. 2022, arXiv:2205.10536", Logits: true}
	l.Emit = func(e *Emitter, o Output) *graph.Value {
		t, s := o.scaled(e)
		side := func(v *graph.Value) *graph.Value {
			v = e.Op("Softmax", graph.Attrs{"axis": int64(-1)}, e.Scale(v, 1/o.Temperature))
			if len(v.Shape) > 2 {
				v = e.Op("Reshape", nil, v, e.Ints(-1, int64(v.Shape[len(v.Shape)-1].Size)))
			}
			return v
		}
		p, q := side(t), side(s)
		loss := e.Scalar(p.DType, 2)
		for axis := range 2 {
			vectors := float64(p.Shape[1-axis].Size)
			correlation := e.Total(e.Mul(e.standard(p, axis), e.standard(q, axis)))
			loss = e.Sub(loss, e.Scale(correlation, 1/vectors))
		}
		return loss
	}
	return l
}

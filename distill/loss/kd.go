package loss

import "github.com/ildc/ildc/graph"

// KD compares outputs. For logits t and s over K classes (Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a
// Neural Network", section 2) it is T² · KL(softmax(t/T) ‖ softmax(s/T)), averaged over the batch; T² keeps the size of
// the gradient independent of T. For any other output it is the mean squared error over the variance of the teacher's.
func KD() OutputLoss {
	l := OutputLoss{Name: "kd", Source: "Hinton, Vinyals, Dean 2015, arXiv:1503.02531"}
	l.Emit = func(e *Emitter, o Output) *graph.Value {
		if !o.Classify {
			return e.Scale(e.MeanSquare(o.Student, o.Teacher), 1/o.Variance)
		}
		last := graph.Attrs{"axis": int64(-1)}
		t, s := o.scaled(e)
		t, s = e.Scale(t, 1/o.Temperature), e.Scale(s, 1/o.Temperature)
		gap := e.Sub(e.Op("LogSoftmax", last, t), e.Op("LogSoftmax", last, s))
		kl := e.Total(e.Mul(e.Op("Softmax", last, t), gap))
		return e.Scale(kl, o.Temperature*o.Temperature/rows(o.Student))
	}
	return l
}

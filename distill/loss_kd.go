package distill

import "github.com/ildc/ildc/graph"

func init() { outputLosses = append(outputLosses, kd()) }

// kd compares outputs. For logits t and s over K classes (Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural
// Network", section 2) it is T² · KL(softmax(t/T) ‖ softmax(s/T)), averaged over the batch; T² keeps the size of the
// gradient independent of T. For any other output it is the mean squared error over the variance of the teacher's.
func kd() OutputLoss {
	return OutputLoss{Name: "kd", Source: "Hinton, Vinyals, Dean 2015, arXiv:1503.02531", Emit: func(e *Emitter, o Output) *graph.Value {
		if !o.Classify {
			return e.scale(e.meanSquare(o.Student, o.Teacher), 1/o.Variance)
		}
		last := graph.Attrs{"axis": int64(-1)}
		t, s := o.scaled(e)
		t, s = e.scale(t, 1/o.Temperature), e.scale(s, 1/o.Temperature)
		gap := e.sub(e.Op("LogSoftmax", last, t), e.Op("LogSoftmax", last, s))
		kl := e.total(e.mul(e.Op("Softmax", last, t), gap))
		return e.scale(kl, o.Temperature*o.Temperature/rows(o.Student))
	}}
}

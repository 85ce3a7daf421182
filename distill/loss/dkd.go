package loss

import "github.com/ildc/ildc/graph"

// What the two parts of dkd count, as in the paper's experiments with CIFAR-100 (section 4.1 and its appendix).
const (
	dkdTarget    = 1 // α
	dkdNonTarget = 8 // β
)

// dkd takes kd apart: the divergence of the binary distributions (the label's class, all others), and that of the
// distributions over the other classes alone, which kd weighs by how unsure the teacher is (Zhao et al. 2022,
// "Decoupled Knowledge Distillation", equation 7):
//
//	T² · (α · KL(b_t ‖ b_s) + β · KL(q_t ‖ q_s))
//
// averaged over the batch. For a sample without a label all classes are others.
func dkd() OutputLoss {
	l := OutputLoss{Name: "dkd", Source: "Zhao et al. 2022, arXiv:2203.08679", Logits: true, Labels: true}
	l.Emit = func(e *Emitter, o Output) *graph.Value {
		t, s := o.scaled(e)
		t, s = e.Scale(t, 1/o.Temperature), e.Scale(s, 1/o.Temperature)
		others := e.Sub(e.Scalar(t.DType, 1), o.Labels)
		a, b := decouple(e, t, o.Labels, others), decouple(e, s, o.Labels, others)
		target := e.Add(
			e.Mul(e.Op("Exp", nil, a.logTarget), e.Sub(a.logTarget, b.logTarget)),
			e.Mul(e.Op("Exp", nil, a.logOthers), e.Sub(a.logOthers, b.logOthers)))
		nonTarget := e.Mul(e.Op("Exp", nil, a.among), e.Sub(a.among, b.among))
		sum := e.Add(e.Scale(e.Total(target), dkdTarget), e.Scale(e.Total(nonTarget), dkdNonTarget))
		return e.Scale(sum, o.Temperature*o.Temperature/rows(o.Student))
	}
	return l
}

// decoupled are log-probabilities: of the label's class and of all others together, [N,1], and of each class among the
// others, [N,K].
type decoupled struct{ logTarget, logOthers, among *graph.Value }

// decouple parts a softmax. Taking 1000 from the label's logit takes its class out of the softmax; the logarithm of the
// others' sum is what any of them then gains, here on the mean over them.
func decouple(e *Emitter, logits, labels, others *graph.Value) decoupled {
	last := graph.Attrs{"axis": int64(-1)}
	row := func(v *graph.Value) *graph.Value {
		return e.Op("ReduceSum", graph.Attrs{"keepdims": int64(1)}, v, e.Ints(-1))
	}
	all := e.Op("LogSoftmax", last, logits)
	among := e.Op("LogSoftmax", last, e.Sub(logits, e.Scale(labels, 1000)))
	gained := e.Div(row(e.Mul(others, e.Sub(all, among))), row(others))
	return decoupled{logTarget: row(e.Mul(labels, all)), logOthers: gained, among: among}
}

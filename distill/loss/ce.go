package loss

import "github.com/ildc/ildc/graph"

// CE is the cross-entropy with labels: −Σ label · log softmax(s), averaged over the batch.
func CE() OutputLoss {
	l := OutputLoss{Name: "ce", Source: "cross-entropy with labels", Logits: true, Labels: true}
	l.Emit = func(e *Emitter, o Output) *graph.Value {
		_, s := o.scaled(e)
		p := e.Op("LogSoftmax", graph.Attrs{"axis": int64(-1)}, s)
		return e.Scale(e.Total(e.Mul(o.Labels, p)), -1/rows(o.Student))
	}
	return l
}

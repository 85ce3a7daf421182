package distill

import "github.com/ildc/ildc/graph"

func init() { outputLosses = append(outputLosses, ce()) }

// ce is the cross-entropy with labels: −Σ label · log softmax(s), averaged over the batch.
func ce() OutputLoss {
	return OutputLoss{Name: "ce", Source: "cross-entropy with labels", Logits: true, Labels: true, Emit: func(e *Emitter, o Output) *graph.Value {
		_, s := o.scaled(e)
		p := e.Op("LogSoftmax", graph.Attrs{"axis": int64(-1)}, s)
		return e.scale(e.total(e.mul(o.Labels, p)), -1/rows(o.Student))
	}}
}

package distill

import (
	"fmt"
	"math"
)

// Metrics compare a model's outputs with labels and with the teacher's outputs, over a data set. A pointer is nil where
// the measure does not apply: without labels, without a teacher, or for outputs that are not logits. Of several outputs
// each counts the same, but for Accuracy, which is of the one that has labels, and Largest.
type Metrics struct {
	Samples    int      `json:"samples"`
	Accuracy   *float64 `json:"accuracy,omitempty"`           // fraction of labels met by the largest element
	Agreement  *float64 `json:"agreement,omitempty"`          // fraction of samples with the teacher's largest element
	KL         *float64 `json:"kl,omitempty"`                 // mean KL(teacher ‖ model), nats
	Cosine     *float64 `json:"cosine,omitempty"`             // mean cosine of the output vectors
	RelativeL2 *float64 `json:"relative_l2,omitempty"`        // ‖model − teacher‖ / ‖teacher‖ over all samples
	Largest    *float64 `json:"largest_difference,omitempty"` // of any element from the teacher's

	Outputs map[string]Metrics `json:"outputs,omitempty"` // of each, by its name, where there are several
}

// mixed says whether some outputs are logits and others are not.
func (m Metrics) mixed() bool {
	for _, o := range m.Outputs {
		if m.KL != nil && o.RelativeL2 != nil && o.KL == nil {
			return true
		}
	}
	return false
}

// better says whether m is better than n: by accuracy where there are labels, else by agreement, and where these differ
// by no more than chance (one standard error), by KL or distance to the teacher, which vary less from sample to sample.
// Where not all outputs are logits, the distance is what they have in common.
func (m Metrics) better(n Metrics) bool {
	for _, measure := range []struct{ a, b *float64 }{{m.Accuracy, n.Accuracy}, {m.Agreement, n.Agreement}} {
		if measure.a == nil || measure.b == nil {
			continue
		}
		a, b := *measure.a, *measure.b
		mean := (a + b) / 2
		if math.Abs(a-b) > math.Sqrt(mean*(1-mean)/float64(max(1, m.Samples))) {
			return a > b
		}
		break
	}
	if a, ok := m.Distance(); ok {
		if b, ok := n.Distance(); ok {
			return a < b
		}
	}
	return m.Accuracy != nil && n.Accuracy != nil && *m.Accuracy > *n.Accuracy
}

// Distance is how far the outputs are from the teacher's: KL, or relative L2 where not all are logits. It varies less
// from sample to sample than accuracy and agreement do. ok is false without a teacher.
func (m Metrics) Distance() (distance float64, ok bool) {
	switch {
	case m.KL != nil && !m.mixed():
		return *m.KL, true
	case m.RelativeL2 != nil:
		return *m.RelativeL2, true
	}
	return 0, false
}

// Score is the measure that a least score is asked of: accuracy, or agreement where there are no labels, or cosine for
// outputs that are not logits.
func (m Metrics) Score() (score float64, name string) {
	switch {
	case m.Accuracy != nil:
		return *m.Accuracy, "accuracy"
	case m.Agreement != nil:
		return *m.Agreement, "agreement"
	case m.Cosine != nil:
		return *m.Cosine, "cosine"
	}
	return 0, "score"
}

// String gives the measures in one line.
func (m Metrics) String() string {
	s := ""
	show := func(name, format string, v *float64, by float64) {
		if v != nil {
			if s != "" {
				s += ", "
			}
			s += name + " " + fmt.Sprintf(format, *v*by)
		}
	}
	show("accuracy", "%.2f %%", m.Accuracy, 100)
	show("agreement", "%.2f %%", m.Agreement, 100)
	show("KL", "%.4f", m.KL, 1)
	show("relative L2", "%.4f", m.RelativeL2, 1)
	return s
}

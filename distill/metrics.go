package distill

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// Metrics compare a model's outputs with labels and with the teacher's outputs, over a data set.
// A pointer is nil where the measure does not apply: without labels, without a teacher, or for outputs that are not logits. Of several outputs each counts the same,
// but for Accuracy, which is of the one that has labels, and Largest.
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

// Better says whether m is better than n: by accuracy where there are labels, else by agreement, and where these differ by no more than
// chance (one standard error), by KL or distance to the teacher, which vary less from sample to sample. Where not all outputs are logits, the distance is what they
// have in common.
func (m Metrics) Better(n Metrics) bool {
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
	if m.mixed() {
		m.KL = nil
	}
	for _, measure := range []struct{ a, b *float64 }{{m.KL, n.KL}, {m.RelativeL2, n.RelativeL2}} {
		if measure.a != nil && measure.b != nil {
			return *measure.a < *measure.b
		}
	}
	return m.Accuracy != nil && n.Accuracy != nil && *m.Accuracy > *n.Accuracy
}

// Score is the measure that a least score is asked of: accuracy, or agreement where there are no labels, or cosine for outputs that are not
// logits.
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

// meter accumulates the metrics of one output.
type meter struct {
	classify                    bool
	n, rows, labels             int
	hits, agree, kl, cosine     float64
	difference, reference, most float64
}

// add counts the first n samples of a batch, [N,…]. Labels are nil where they are not of the output, want is without a teacher.
func (m *meter) add(got, want *graph.Tensor, labels []int, n int) {
	width := got.Len() / got.Dims[0]
	g := got.Float32s()
	m.n += n
	for i := range n {
		if labels != nil && labels[i] != dataset.NoLabel {
			m.labels++
			if argmax(g[i*width:][:width]) == labels[i] {
				m.hits++
			}
		}
	}
	if want == nil {
		return
	}
	w := want.Float32s()
	for i := range n {
		a, b := g[i*width:][:width], w[i*width:][:width]
		m.vector(a, b)
		if !m.classify {
			continue
		}
		classes := got.Dims[len(got.Dims)-1]
		for at := 0; at < width; at += classes {
			m.rows++
			p, q := a[at:at+classes], b[at:at+classes]
			if argmax(p) == argmax(q) {
				m.agree++
			}
			m.kl += divergence(q, p)
		}
	}
}

// vector accumulates distances of one sample's output from the teacher's.
func (m *meter) vector(a, b []float32) {
	var aa, bb, ab float64
	for k := range a {
		x, y := float64(a[k]), float64(b[k])
		aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
		m.difference += (x - y) * (x - y)
		m.most = max(m.most, math.Abs(x-y))
	}
	m.reference += bb
	if aa > 0 && bb > 0 {
		m.cosine += ab / math.Sqrt(aa*bb)
	}
}

func (m *meter) metrics(teacher bool) Metrics {
	r := Metrics{Samples: m.n}
	fraction := func(a float64, n int) *float64 { v := a / float64(max(n, 1)); return &v }
	if m.labels > 0 {
		r.Accuracy = fraction(m.hits, m.labels)
	}
	if !teacher {
		return r
	}
	if m.classify {
		r.Agreement, r.KL = fraction(m.agree, m.rows), fraction(m.kl, m.rows)
	}
	r.Cosine = fraction(m.cosine, m.n)
	l2 := math.Sqrt(m.difference / max(m.reference, 1e-30))
	r.RelativeL2, r.Largest = &l2, &m.most
	return r
}

// joined are the metrics of all outputs.
func joined(outputs []output, meters []*meter, teacher bool) Metrics {
	if len(outputs) == 1 {
		return meters[0].metrics(teacher)
	}
	all := Metrics{Samples: meters[0].n, Outputs: map[string]Metrics{}}
	mean := func(of func(*Metrics) **float64) {
		sum, n := 0.0, 0
		for _, o := range outputs {
			m := all.Outputs[o.name]
			if v := *of(&m); v != nil {
				sum, n = sum+*v, n+1
			}
		}
		if n > 0 {
			sum /= float64(n)
			*of(&all) = &sum
		}
	}
	largest := 0.0
	for i, o := range outputs {
		m := meters[i].metrics(teacher)
		all.Outputs[o.name] = m
		if m.Largest != nil {
			largest = max(largest, *m.Largest)
			all.Largest = &largest
		}
	}
	for _, of := range []func(*Metrics) **float64{
		func(m *Metrics) **float64 { return &m.Accuracy },
		func(m *Metrics) **float64 { return &m.Agreement },
		func(m *Metrics) **float64 { return &m.KL },
		func(m *Metrics) **float64 { return &m.Cosine },
		func(m *Metrics) **float64 { return &m.RelativeL2 },
	} {
		mean(of)
	}
	return all
}

func argmax(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

// divergence is KL(softmax(q) ‖ softmax(p)), nats.
func divergence(q, p []float32) float64 {
	lq, lp := logSumExp(q), logSumExp(p)
	kl := 0.0
	for i := range q {
		a := float64(q[i]) - lq
		kl += math.Exp(a) * (a - (float64(p[i]) - lp))
	}
	return max(kl, 0)
}

func logSumExp(v []float32) float64 {
	top := float64(v[argmax(v)])
	sum := 0.0
	for _, x := range v {
		sum += math.Exp(float64(x) - top)
	}
	return top + math.Log(sum)
}

// runOn gives a program the inputs it knows of a batch.
func runOn(ctx context.Context, p engine.Program, s *engine.Step, batch map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	in := map[string]*graph.Tensor{}
	state := map[string]bool{}
	for _, c := range s.State {
		state[c.In] = true
	}
	for _, v := range s.Graph.Inputs {
		if t := batch[v.Name]; t != nil {
			in[v.Name] = t
		} else if !state[v.Name] {
			return nil, fmt.Errorf("distill: the batch has no %q", v.Name)
		}
	}
	return p.Run(ctx, in)
}

// errNotFinite says that training has diverged.
var errNotFinite = errors.New("distill: the loss is no longer finite: lower the learning rate (--lr), or check the data's scale")

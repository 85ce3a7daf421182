package distill

import (
	"context"
	"math"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
)

// tensors are those of one run by their names.
type tensors = map[string]*graph.Tensor

// measure runs a program over a data set, and compares its outputs with labels, and with the teacher's where they are
// given, by batch. It gives its own outputs where they aren't.
func measure(
	ctx context.Context, p *compiled, of []output, data dataset.Dataset, o dataset.LoaderOptions, teacher []tensors,
) (Metrics, []tensors, error) {
	loader, err := dataset.NewLoader(data, o)
	if err != nil {
		return Metrics{}, nil, err
	}
	meters := make([]*meter, len(of))
	for i, o := range of {
		meters[i] = &meter{classify: o.classify}
	}
	var outputs []tensors
	for b, err := range loader.Batches(ctx, 0) {
		if err != nil {
			return Metrics{}, nil, err
		}
		out, err := p.run(ctx, b.Inputs)
		if err != nil {
			return Metrics{}, nil, err
		}
		for i, o := range of {
			var want *graph.Tensor
			if teacher != nil {
				want = teacher[b.Step][o.name]
			}
			var labels []int
			if o.scored {
				labels = b.Labels
			}
			meters[i].add(out[o.name], want, labels, b.N)
		}
		if teacher == nil {
			outputs = append(outputs, out)
		}
	}
	return joined(of, meters, teacher != nil), outputs, nil
}

// meter accumulates the metrics of one output.
type meter struct {
	classify                    bool
	n, rows, labels             int
	hits, agree, kl, cosine     float64
	difference, reference, most float64
}

// add counts the first n samples of a batch, [N,…]. Labels are nil where they are not of the output, want is without a
// teacher.
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

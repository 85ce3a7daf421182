package distill

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// probe reads values of a model on the training data of [job].
func probe(t *testing.T, model *graph.Graph) Probe {
	t.Helper()
	j := job(t)
	return Probe{Model: model, Engine: enginetest.Reference{}, Data: j.Train, Bindings: j.Bindings, Batch: 16, Seed: 5}
}

// near compares float32 values with what float64 gives: sums of a few products differ by some units in the seventh
// digit.
func near(got, want float64) bool { return math.Abs(got-want) <= 2e-6*(1+math.Abs(want)) }

// weight is an initializer of a model.
func weight(g *graph.Graph, name string) []float64 { return g.ByName()[name].Const.Values() }

// forward computes a perceptron's hidden values and logits for one sample.
func forward(g *graph.Graph, x []float64) (hidden, logits []float64) {
	hidden, logits = slices.Clone(weight(g, "b1")), slices.Clone(weight(g, "b2"))
	w1, w2 := weight(g, "w1"), weight(g, "w2")
	for k := range hidden {
		for i := range x {
			hidden[k] += x[i] * w1[i*len(hidden)+k]
		}
		hidden[k] = max(0, hidden[k])
		for c := range logits {
			logits[c] += hidden[k] * w2[k*len(logits)+c]
		}
	}
	return hidden, logits
}

// sampleOf finds the training sample whose features these are.
func sampleOf(t *testing.T, d dataset.Dataset, x []float64) dataset.Sample {
	t.Helper()
	for i := range d.Len() {
		s, err := d.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Equal(s.Features[0].Values(), x) {
			return s
		}
	}
	t.Fatalf("%v is no training sample", x)
	return dataset.Sample{}
}

// Activations are what the model computes on training samples: as many as fill batches, each epoch's in another order,
// and the same ones for the same seed.
func TestActivations(t *testing.T) {
	p := probe(t, perceptron(16, 1))
	got, err := p.Activations(t.Context(), []string{"x", "hidden", "logits", "nowhere"}, 40)
	if err != nil {
		t.Fatal(err)
	}
	x, hidden, logits := got["x"], got["hidden"], got["logits"]
	if len(got) != 3 || !slices.Equal(x.Dims, []int{48, 4}) || !slices.Equal(hidden.Dims, []int{48, 16}) {
		t.Fatalf("got %v: want 48 samples of three values", got)
	}
	seen := map[float64]bool{}
	for i := range 48 {
		row := x.Values()[i*4:][:4]
		sampleOf(t, p.Data, row)
		seen[row[0]] = true
		h, y := forward(p.Model, row)
		for k := range h {
			if g := hidden.Values()[i*16+k]; !near(g, h[k]) {
				t.Fatalf("hidden[%d,%d] is %g, by hand %g", i, k, g, h[k])
			}
		}
		for k := range y {
			if g := logits.Values()[i*3+k]; !near(g, y[k]) {
				t.Fatalf("logits[%d,%d] is %g, by hand %g", i, k, g, y[k])
			}
		}
	}
	if len(seen) != 48 {
		t.Errorf("%d different samples within an epoch, want 48", len(seen))
	}
	again, err := p.Activations(t.Context(), []string{"x"}, 40)
	if err != nil || !slices.Equal(again["x"].Float32s(), x.Float32s()) {
		t.Errorf("the same seed gives other samples, or %v", err)
	}
	p.Seed++
	other, err := p.Activations(t.Context(), []string{"x"}, 40)
	if err != nil || slices.Equal(other["x"].Float32s(), x.Float32s()) {
		t.Errorf("another seed gives the same samples, or %v", err)
	}
}

// Features are activations as rows; of large ones, the same elements of each sample.
func TestFeatures(t *testing.T) {
	p := probe(t, perceptron(3000, 1))
	names := []string{"x", "hidden", "nowhere"}
	features, err := p.Features(t.Context(), names, 10)
	if err != nil {
		t.Fatal(err)
	}
	all, err := p.Activations(t.Context(), names, 10)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(features["x"].Float32s(), all["x"].Float32s()) || len(features) != 2 {
		t.Errorf("small values are not taken as they are: %v", features)
	}
	if !slices.Equal(features["hidden"].Dims, []int{16, mostFeatures}) {
		t.Fatalf("features are %v", features["hidden"].Dims)
	}
	at := pick(mostFeatures, 3000)
	if !slices.IsSorted(at) || len(slices.Compact(slices.Clone(at))) != mostFeatures {
		t.Fatal("elements are not picked once each, in order")
	}
	for i := range 16 {
		for k, from := range at {
			got, want := features["hidden"].Float32s()[i*mostFeatures+k], all["hidden"].Float32s()[i*3000+int(from)]
			if got != want {
				t.Fatalf("feature %d of sample %d is %g, want %g", k, i, got, want)
			}
		}
	}
}

// Maps become rows, too; numbers that are no floats tell nothing.
func TestFeaturesOfMaps(t *testing.T) {
	g := normed(t)
	b := op.NewBuilder(g)
	b.Output(b.Rename(b.Op("ArgMax", graph.Attrs{"axis": int64(1)}, g.Outputs[0]), "class"))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	p := images(t, g)
	conv := g.Nodes[0].Outputs[0].Name
	f, err := p.Features(t.Context(), []string{conv, "class"}, 4)
	if err != nil {
		t.Fatal(err)
	}
	if len(f) != 1 || !slices.Equal(f[conv].Dims, []int{8, 100}) {
		t.Errorf("got %v: want %q as [8,100]", f, conv)
	}
}

// Gradients are (softmax(z) − label)/N in the logits, for the mean over N samples, and that times w2ᵀ in front of them.
func TestGradients(t *testing.T) {
	p := probe(t, perceptron(6, 3))
	got, err := p.Gradients(t.Context(), []string{"logits", "hidden", "nowhere"}, 16)
	if err != nil {
		t.Fatal(err)
	}
	values, err := p.Activations(t.Context(), []string{"x"}, 16) // the same batches
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !slices.Equal(got["hidden"].Dims, []int{16, 6}) {
		t.Fatalf("got %v", got)
	}
	w2 := weight(p.Model, "w2")
	for i := range 16 {
		x := values["x"].Values()[i*4:][:4]
		s := sampleOf(t, p.Data, x)
		_, logits := forward(p.Model, x)
		sum := 0.0
		for _, z := range logits {
			sum += math.Exp(z)
		}
		want := make([]float64, 3)
		for c, z := range logits {
			want[c] = math.Exp(z) / sum / 16
			if c == s.Label {
				want[c] -= 1. / 16
			}
			if g := got["logits"].Values()[i*3+c]; !near(g, want[c]) {
				t.Fatalf("gradient in logits[%d,%d] is %g, by hand %g", i, c, g, want[c])
			}
		}
		for k := range 6 {
			h := 0.0
			for c := range want {
				h += want[c] * w2[k*3+c]
			}
			if g := got["hidden"].Values()[i*6+k]; !near(g, h) {
				t.Fatalf("gradient in hidden[%d,%d] is %g, by hand %g", i, k, g, h)
			}
		}
	}
}

// classes is data with another number of classes.
type classes struct {
	dataset.Dataset
	n int
}

func (c classes) Spec() dataset.Spec { s := c.Dataset.Spec(); s.Classes = c.n; return s }

func TestGradientsNeedLabels(t *testing.T) {
	for _, n := range []int{0, 7} { // none; more than the model has outputs
		p := probe(t, perceptron(6, 3))
		p.Data = classes{p.Data, n}
		if _, err := p.Gradients(t.Context(), []string{"logits"}, 16); !errors.Is(err, ErrNoLabels) {
			t.Errorf("%d classes: %v", n, err)
		}
	}
	p := probe(t, perceptron(6, 3))
	p.Task = Regress
	if _, err := p.Gradients(t.Context(), []string{"logits"}, 16); !errors.Is(err, ErrNoLabels) {
		t.Errorf("outputs that are no logits: %v", err)
	}
}

// images is 64 samples of [2,5,5], in batches of 8, for the net of [normed].
func images(t *testing.T, g *graph.Graph) Probe {
	t.Helper()
	data, err := dataset.FromTensors(nil, dataset.Array{Name: "x", Tensor: noise(64, 2, 5, 5)})
	if err != nil {
		t.Fatal(err)
	}
	bind, err := dataset.Bind(data.Spec(), g.Inputs, dataset.Preprocess{})
	if err != nil {
		t.Fatal(err)
	}
	return Probe{Model: g, Engine: enginetest.Reference{}, Data: data, Bindings: []*dataset.Binding{bind}, Batch: 8}
}

// noise is a tensor of a fixed pattern, with a mean and a variance of its own in every channel.
func noise(dims ...int) *graph.Tensor {
	x := graph.NewTensor(graph.Float32, dims...)
	inner := graph.Product(dims[2:])
	for i := range x.Float32s() {
		channel := float64(i / inner % dims[1])
		x.Float32s()[i] = float32((1 + channel) * (math.Sin(float64(i*i%977)) + channel))
	}
	return x
}

// Moments are those of all samples, whatever the batches: 1,024 samples are 16 epochs of these 64. A variance is summed
// in float32 from two parts, which costs a few more digits than one pass.
func TestMoments(t *testing.T) {
	const tolerance = 2e-5
	g := normed(t)
	p := images(t, g)
	var names []string
	var norms []*graph.Node
	for _, n := range g.Nodes {
		if n.Op == "BatchNormalization" {
			names, norms = append(names, n.Inputs[0].Name), append(norms, n)
		}
	}
	got, err := p.Moments(t.Context(), names)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d moments, %v", len(got), err)
	}
	for i, n := range norms {
		mean, variance := inFront(t, g, n, noise(64, 2, 5, 5))
		m := got[names[i]]
		if len(m.Mean) != len(mean) {
			t.Fatalf("%s: %d channels, want %d", names[i], len(m.Mean), len(mean))
		}
		for c := range mean {
			if d := math.Abs(m.Mean[c] - mean[c]); d > tolerance*(1+math.Abs(mean[c])) {
				t.Errorf("%s: mean %d is %g, want %g", names[i], c, m.Mean[c], mean[c])
			}
			if d := math.Abs(m.Variance[c] - variance[c]); d > tolerance*(1+variance[c]) {
				t.Errorf("%s: variance %d is %g, want %g", names[i], c, m.Variance[c], variance[c])
			}
		}
	}
	for _, name := range []string{"nowhere"} {
		if _, err := p.Moments(t.Context(), []string{name}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("moments of %s: %v", name, err)
		}
	}
}

// A model with a fixed batch runs with another where that can be had, else with its own.
func TestFixedBatch(t *testing.T) {
	fixed := func(batch int) *graph.Graph {
		g := perceptron(6, 3)
		g.Inputs[0].Shape[0] = graph.D(batch)
		return g
	}
	across := fixed(1) // a batch of 1 cannot be told from a sum over the batch
	b := op.NewBuilder(across)
	sum := b.Op("ReduceSum", graph.Attrs{"keepdims": int64(1)}, across.Outputs[0], b.Ints(0))
	across.Outputs = []*graph.Value{sum}
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		model *graph.Graph
		rows  int // of 20 samples
		warns string
	}{
		{"any", perceptron(6, 3), 32, ""},
		{"one, which can be changed", fixed(1), 32, ""},
		{"eight", fixed(8), 24, "batch is fixed"},
		{"one, which cannot", across, 20, "cannot be changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			p := probe(t, c.model)
			p.Logger = slog.New(slog.NewTextHandler(&log, nil))
			got, err := p.Activations(t.Context(), []string{"hidden"}, 20)
			if err != nil {
				t.Fatal(err)
			}
			if got["hidden"].Dims[0] != c.rows {
				t.Errorf("%v: want %d rows", got["hidden"], c.rows)
			}
			warned := strings.Contains(log.String(), "WARN")
			if warned != (c.warns != "") || !strings.Contains(log.String(), c.warns) {
				t.Errorf("it logs %q, want %q", log.String(), c.warns)
			}
		})
	}
}

func TestCancelledProbe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := probe(t, perceptron(6, 3)).Activations(ctx, []string{"hidden"}, 16); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A probe says what of its model, or of its data, is in the way.
func TestBadProbes(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Probe)
		want  string
	}{
		{"an extent without a size", func(p *Probe) { p.Model.Inputs[0].Shape[1] = graph.Sym("width") }, "width"},
		{"no data", func(p *Probe) { p.Data = points{} }, "there are no samples"},
		{"no data for an input", func(p *Probe) { p.Model.Inputs[0].Name = "y" }, `no "y"`},
	} {
		p := probe(t, perceptron(6, 3))
		c.spoil(&p)
		_, err := p.Activations(t.Context(), []string{"hidden"}, 16)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// Batches are joined along the first axis, whatever their type.
func TestJoinBatches(t *testing.T) {
	for _, dtype := range []graph.DType{graph.Int64, graph.Float32, graph.Float64} {
		a := graph.FromValues(dtype, []int{1, 2}, []float64{1, 2})
		b := graph.FromValues(dtype, []int{2, 2}, []float64{3, 4, 5, 6})
		got := joinBatches([]*graph.Tensor{a, b})
		want := []float64{1, 2, 3, 4, 5, 6}
		if got.DType != dtype || !slices.Equal(got.Dims, []int{3, 2}) || !slices.Equal(got.Values(), want) {
			t.Errorf("got %v %v", got, got.Values())
		}
		if first := joinBatches([]*graph.Tensor{a}); !slices.Equal(first.Values(), a.Values()) || a.Dims[0] != 1 {
			t.Errorf("one batch: %v; the batch is %v", first, a)
		}
	}
}

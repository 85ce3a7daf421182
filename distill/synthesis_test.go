package distill

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/shared"
)

// normed is a small net with two batch normalisations, whose statistics are those of inputs with a mean of 2 and a
// deviation of 0.5.
func normed(t *testing.T) *graph.Graph {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 1))
	g := graph.New("normed")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	weight := func(dims ...int) *graph.Value {
		v := make([]float64, graph.Product(dims))
		for i := range v {
			v[i] = random.NormFloat64() / math.Sqrt(float64(graph.Product(dims[1:])))
		}
		return b.Const("w", graph.FromValues(graph.Float32, dims, v))
	}
	fill := func(v float64, n int) *graph.Value {
		data := make([]float64, n)
		for i := range data {
			data[i] = v
		}
		return b.Const("per channel", graph.FromValues(graph.Float32, []int{n}, data))
	}
	norm := func(v *graph.Value) *graph.Value {
		c := v.Shape[1].Size
		return b.Op("BatchNormalization", nil, v, fill(1, c), fill(0, c), fill(0, c), fill(1, c))
	}
	x := b.Input("x", graph.Float32, graph.Shape{graph.Sym("N"), graph.D(2), graph.D(5), graph.D(5)})
	v := b.Op("Relu", nil, norm(b.Op("Conv", nil, x, weight(4, 2, 1, 1))))
	v = b.Op("Relu", nil, norm(b.Op("Conv", nil, v, weight(6, 4, 1, 1))))
	v = b.Op("Flatten", nil, b.Op("GlobalAveragePool", nil, v))
	b.Output(b.Op("Gemm", nil, v, weight(6, 3)))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	// The statistics that data leave behind, layer by layer.
	data := graph.NewTensor(graph.Float32, 64, 2, 5, 5)
	for i := range data.Float32s() {
		data.Float32s()[i] = float32(2 + 0.5*random.NormFloat64())
	}
	for _, n := range g.Nodes {
		if n.Op != "BatchNormalization" {
			continue
		}
		mean, variance := inFront(t, g, n, data)
		n.Inputs[3].Const = graph.FromValues(graph.Float32, []int{len(mean)}, mean)
		n.Inputs[4].Const = graph.FromValues(graph.Float32, []int{len(mean)}, variance)
	}
	return g
}

// inFront gives mean and variance of each channel of what a normalisation reads.
func inFront(t *testing.T, g *graph.Graph, n *graph.Node, data *graph.Tensor) (mean, variance []float64) {
	t.Helper()
	c, to := g.Clone()
	v := to[n.Inputs[0]]
	c.Outputs = []*graph.Value{v}
	c, err := pass.Specialise(c, pass.Binding{Batch: data.Dims[0]})
	if err != nil {
		t.Fatal(err)
	}
	out, err := pass.Eval(c, map[string]*graph.Tensor{"x": data})
	if err != nil {
		t.Fatal(err)
	}
	x := out[v.Name]
	channels, inner := x.Dims[1], graph.Product(x.Dims[2:])
	mean, variance = make([]float64, channels), make([]float64, channels)
	each := float64(channels) / float64(x.Len())
	for i, u := range x.Values() {
		mean[i/inner%channels] += u * each
	}
	for i, u := range x.Values() {
		d := u - mean[i/inner%channels]
		variance[i/inner%channels] += d * d * each
	}
	return mean, variance
}

// TestSynthesis: what is made has the statistics that are stored, which noise has not.
func TestSynthesis(t *testing.T) {
	shared.Long(t)
	g := normed(t)
	s := Synthesis{Teacher: g, Engine: enginetest.Reference{}, Samples: 12, Batch: 8, Steps: 150, Seed: 4}
	made, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if made.Dims[0] != 12 || graph.Product(made.Dims[1:]) != 50 {
		t.Fatalf("%v inputs were made", made.Dims)
	}
	noise := graph.NewTensor(graph.Float32, made.Dims...)
	random := rand.New(rand.NewPCG(8, 8))
	for i := range noise.Float32s() {
		noise.Float32s()[i] = float32(random.NormFloat64())
	}
	off := func(data *graph.Tensor) float64 {
		sum := 0.0
		for _, n := range g.Nodes {
			if n.Op != "BatchNormalization" {
				continue
			}
			mean, variance := inFront(t, g, n, data)
			wantMean, wantVariance := n.Inputs[3].Const.Values(), n.Inputs[4].Const.Values()
			for c := range mean {
				shift, ratio := mean[c]-wantMean[c], variance[c]/wantVariance[c]-1
				sum += shift*shift/wantVariance[c] + ratio*ratio
			}
		}
		return sum
	}
	if a, b := off(made), off(noise); !(a < b/20) {
		t.Errorf("statistics of what was made are off by %g, those of noise by %g", a, b)
	}
	again, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range made.Float32s() {
		if again.Float32s()[i] != v {
			t.Fatal("the same seed makes other inputs")
		}
	}
}

func TestSynthesisNeedsStatistics(t *testing.T) {
	s := Synthesis{Teacher: perceptron(4, 1), Engine: enginetest.Reference{}, Samples: 2, Steps: 1}
	if _, err := s.Run(context.Background()); !errors.Is(err, ErrNoStatistics) {
		t.Errorf("a teacher without batch norm gives %v", err)
	}
}

// TestCancelledSynthesis ends at once.
func TestCancelledSynthesis(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := Synthesis{Teacher: normed(t), Engine: enginetest.Reference{}, Samples: 4, Steps: 100}
	s.Progress = func(p Progress) {
		if p.Step == 2 {
			cancel()
		}
		if p.Step > 2 {
			t.Errorf("step %d is taken", p.Step)
		}
	}
	if _, err := s.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

package embedded_test

import (
	"context"
	"math"
	"testing"
	"time"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/graph"
)

// native is the network of enginetest.TrainingStep in Gorgonia's own ops, differentiated by Gorgonia, on gonum's BLAS.
type native struct {
	machine gorgonia.VM
	params  gorgonia.Nodes
	loss    *gorgonia.Node
	solver  gorgonia.Solver
}

func newNative(tb testing.TB, step *engine.Step, feeds map[string]*graph.Tensor) *native {
	tb.Helper()
	g := gorgonia.NewGraph()
	n := &native{}
	must := func(v *gorgonia.Node, err error) *gorgonia.Node {
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
	node := func(name string, t *graph.Tensor, dims ...int) *gorgonia.Node {
		value := tensor.New(tensor.WithShape(dims...), tensor.WithBacking(t.Clone().Float32s()))
		return gorgonia.NewTensor(g, tensor.Float32, len(dims), gorgonia.WithName(name), gorgonia.WithShape(dims...),
			gorgonia.WithValue(value))
	}
	initial := map[string]*graph.Tensor{}
	for _, c := range step.State {
		initial[c.In] = c.Initial
	}
	param := func(name string, dims ...int) *gorgonia.Node {
		t := initial[name]
		if dims == nil {
			dims = t.Dims
		}
		n.params = append(n.params, node(name, t, dims...))
		return n.params[len(n.params)-1]
	}
	conv := func(name string, v *gorgonia.Node, stride int) *gorgonia.Node {
		return must(gorgonia.Conv2d(v, param(name), tensor.Shape{3, 3}, []int{1, 1}, []int{stride, stride}, []int{1, 1}))
	}
	norm := func(name string, v *gorgonia.Node) *gorgonia.Node {
		c := v.Shape()[1]
		out, _, _, _, err := gorgonia.BatchNorm(v, param(name+".scale", 1, c, 1, 1), param(name+".bias", 1, c, 1, 1), 0.1,
			1e-5)
		return must(out, err)
	}
	x, labels := feeds["x"], feeds["labels"]
	h := must(gorgonia.Rectify(norm("bn1", conv("conv1", node("x", x, x.Dims...), 1))))
	h = must(gorgonia.Rectify(must(gorgonia.Add(norm("bn2", conv("conv2", h, 1)), h))))
	h = must(gorgonia.MaxPool2D(h, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2}))
	h = must(gorgonia.Rectify(norm("bn3", conv("conv3", h, 2))))
	h = must(gorgonia.Mean(h, 2, 3))
	logits := must(gorgonia.BroadcastAdd(must(gorgonia.Mul(h, param("fc"))), param("fc.bias", 1, 5), nil, []byte{0}))
	terms := must(gorgonia.HadamardProd(node("labels", labels, labels.Dims...), must(gorgonia.LogSoftMax(logits))))
	n.loss = must(gorgonia.Neg(must(gorgonia.Mean(must(gorgonia.Sum(terms, 1))))))
	if _, err := gorgonia.Grad(n.loss, n.params...); err != nil {
		tb.Fatal(err)
	}
	n.machine = gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(n.params...))
	n.solver = gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(float64(feeds["rate"].Float32s()[0])))
	return n
}

func (n *native) run(tb testing.TB) float32 {
	tb.Helper()
	n.machine.Reset()
	if err := n.machine.RunAll(); err != nil {
		tb.Fatal(err)
	}
	loss := n.loss.Value().Data().(float32)
	if err := n.solver.Step(gorgonia.NodesToValueGrads(n.params)); err != nil {
		tb.Fatal(err)
	}
	return loss
}

func ours(tb testing.TB, n, size, width int) (engine.Program, *engine.Step, map[string]*graph.Tensor) {
	tb.Helper()
	e := embedded.New()
	step, feeds, err := enginetest.TrainingStep(e.Native(), n, size, width)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := e.Compile(context.Background(), step, engine.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.Close() })
	return p, step, feeds
}

func run(tb testing.TB, p engine.Program, feeds map[string]*graph.Tensor) float32 {
	tb.Helper()
	out, err := p.Run(context.Background(), feeds)
	if err != nil {
		tb.Fatal(err)
	}
	return out["loss"].Float32s()[0]
}

// TestAgainstGorgonia compares two steps with the same network in Gorgonia's own ops: after the first, momentum 0 and
// ours are one.
func TestAgainstGorgonia(t *testing.T) {
	p, step, feeds := ours(t, 4, 8, 4)
	n := newNative(t, step, feeds)
	for i := range 2 {
		got, want := run(t, p, feeds), n.run(t)
		if !(math.Abs(float64(got-want)) <= 1e-4*math.Abs(float64(want))) { // float32, summed in another order
			t.Errorf("loss of step %d is %v, Gorgonia's own ops give %v", i, got, want)
		}
	}
}

// BenchmarkTrainingStep runs the step and Gorgonia's own ops in turns.
func BenchmarkTrainingStep(b *testing.B) {
	p, step, feeds := ours(b, 32, 32, 16)
	n := newNative(b, step, feeds)
	var us, them time.Duration
	for b.Loop() {
		begin := time.Now()
		run(b, p, feeds)
		us += time.Since(begin)
		begin = time.Now()
		n.run(b)
		them += time.Since(begin)
	}
	b.ReportMetric(us.Seconds()*1e3/float64(b.N), "ms/step")
	b.ReportMetric(them.Seconds()*1e3/float64(b.N), "gorgonia-ms/step")
	b.ReportMetric(them.Seconds()/us.Seconds(), "times-faster")
	b.ReportMetric(0, "ns/op")
}

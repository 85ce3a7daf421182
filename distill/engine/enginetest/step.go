package enginetest

import (
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// TrainingStep is a whole training step of a small residual conv net on x [n,3,size,size] and labels [n,5]: batch
// norm, max pool, strides, cross-entropy, gradients and SGD with momentum; and what to feed it. Its state is weights,
// momenta and running statistics. Macro ops that are not native are lowered.
func TrainingStep(native []string, n, size, width int) (*engine.Step, map[string]*graph.Tensor, error) {
	return residualStep(native, n, size, width, false)
}

// residualStep is TrainingStep, where the last convolution may have a shortcut: another convolution, with a bias.
func residualStep(native []string, n, size, width int, shortcut bool) (*engine.Step, map[string]*graph.Tensor, error) {
	g, b := newGraph("training step")
	s := &engine.Step{Graph: g}
	carry := func(name string, initial *graph.Tensor) *graph.Value {
		v := b.Input(name, initial.DType, initial.Shape())
		s.State = append(s.State, engine.Carry{In: v.Name, Initial: initial})
		return v
	}
	next := map[*graph.Value]*graph.Value{}
	var params []*graph.Value
	param := func(name string, initial *graph.Tensor) *graph.Value {
		params = append(params, carry(name, initial))
		return params[len(params)-1]
	}
	x, labels := b.Input("x", graph.Float32, graph.Dims(n, 3, size, size)),
		b.Input("labels", graph.Float32, graph.Dims(n, 5))
	rate := b.Input("rate", graph.Float32, graph.Dims())
	conv := func(name string, v *graph.Value, out int, stride int64) *graph.Value {
		w := normal(out, v.Shape[1].Size, 3, 3)
		for i := range w.Float32s() {
			w.Float32s()[i] *= 0.2
		}
		return b.Op("Conv", graph.Attrs{"pads": ints(1, 1, 1, 1), "strides": ints(stride, stride)}, v, param(name, w))
	}
	norm := func(name string, v *graph.Value) *graph.Value {
		c := v.Shape[1].Size
		zeros := func() *graph.Tensor { return graph.NewTensor(graph.Float32, c) }
		mean, variance := carry(name+".mean", zeros()), carry(name+".var", positive(c))
		out := b.Ops("ildc.BatchNormTrain", 5, nil, v, param(name+".scale", positive(c)), param(name+".bias", zeros()), mean,
			variance)
		next[mean], next[variance] = out[1], out[2]
		return out[0]
	}
	h := b.Op("Relu", nil, norm("bn1", conv("conv1", x, width, 1)))
	h = b.Op("Relu", nil, b.Op("Add", nil, norm("bn2", conv("conv2", h, width, 1)), h))
	h = b.Op("MaxPool", graph.Attrs{"kernel_shape": ints(2, 2), "strides": ints(2, 2)}, h)
	last := norm("bn3", conv("conv3", h, 2*width, 2))
	if shortcut {
		projected := b.Op("Conv", graph.Attrs{"strides": ints(2, 2)}, h, param("shortcut", normal(2*width, width, 1, 1)),
			param("shortcut.bias", normal(2*width)))
		last = b.Op("Add", nil, last, projected)
	}
	h = b.Op("Relu", nil, last)
	h = b.Op("Flatten", nil, b.Op("GlobalAveragePool", nil, h))
	logits := b.Op("Gemm", nil, h, param("fc", normal(2*width, 5)), param("fc.bias", graph.NewTensor(graph.Float32, 5)))
	terms := b.Op("Mul", nil, labels, b.Op("LogSoftmax", nil, logits))
	loss := b.Op("Neg", nil, b.Op("ReduceMean", graph.Attrs{"keepdims": int64(0)},
		b.Op("ReduceSum", nil, terms, b.Ints(1))))
	grads, err := pass.Gradient(b, loss, params)
	if err != nil {
		return nil, nil, err
	}
	for i, p := range params {
		m := carry(p.Name+".momentum", graph.NewTensor(graph.Float32, p.Shape.Sizes()...))
		next[m] = b.Op("Add", nil, b.Op("Mul", nil, m, b.Scalar(graph.Float32, 0.9)), grads[i])
		next[p] = b.Op("Sub", nil, p, b.Op("Mul", nil, rate, next[m]))
	}
	b.Output(b.Rename(loss, "loss"))
	byName := g.ByName()
	for i, c := range s.State {
		v := next[byName[c.In]]
		s.State[i].Out = v.Name
		b.Output(v)
	}
	if err := b.Err(); err != nil {
		return nil, nil, err
	}
	if s.Graph, err = pass.Lower(g, native); err != nil {
		return nil, nil, err
	}
	for i, v := range s.Graph.Outputs[1:] { // lowering may have given them other names
		s.State[i].Out = v.Name
	}
	hot := graph.NewTensor(graph.Float32, n, 5)
	for i := range n {
		hot.Float32s()[i*5+i*i%5] = 1
	}
	return s, map[string]*graph.Tensor{"x": normal(n, 3, size, size), "labels": hot, "rate": scalar(0.05)}, nil
}

// trainingStep is a step of [residualStep] and its extents.
type trainingStep struct{ n, size, width int }

// steps are for few channels, and for enough of channels and samples that engines with faster ways for many take them.
var steps = []trainingStep{{6, 8, 4}, {16, 8, 10}, {16, 8, 16}}

// graph lowers what is not native.
func (s trainingStep) graph(t testing.TB, native []string) (*engine.Step, map[string]*graph.Tensor) {
	t.Helper()
	step, feeds, err := residualStep(native, s.n, s.size, s.width, true)
	if err != nil {
		t.Fatal(err)
	}
	return step, feeds
}

// compare compares three steps, with the state carried from one to the next, with the reference.
func (s trainingStep) compare(t testing.TB, e engine.Engine) {
	step, feeds := s.graph(t, e.Native())
	p := compile(t, e, step, engine.Options{})
	whole, _ := s.graph(t, Reference{}.Native())
	oracle := compile(t, Reference{}, whole, engine.Options{})
	// Float32 rounding of 1e-7 is amplified by three normalisations and three updates.
	const tolerance = 2e-4
	var first float32
	for i := range 3 {
		got, want := run(t, p, feeds), run(t, oracle, feeds)
		if len(got) != 1 {
			t.Fatalf("%d results, want the loss alone", len(got))
		}
		near(t, "loss", got["loss"], want["loss"], tolerance)
		loss := got["loss"].Float32s()[0]
		if i == 0 {
			first = loss
		} else if loss >= first {
			t.Errorf("the loss went from %v to %v", first, loss)
		}
	}
	got, want := mustState(t, p), mustState(t, oracle)
	if len(got) != len(want) {
		t.Fatalf("%d tensors of state, want %d", len(got), len(want))
	}
	for name := range want {
		near(t, name, got[name], want[name], tolerance)
	}
}

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
	s := &stepBuilder{Builder: b, step: &engine.Step{Graph: g}, next: map[*graph.Value]*graph.Value{}}
	x := b.Input("x", graph.Float32, graph.Dims(n, 3, size, size))
	labels := b.Input("labels", graph.Float32, graph.Dims(n, 5))
	rate := b.Input("rate", graph.Float32, graph.Dims())
	h := b.Op("Relu", nil, s.norm("bn1", s.conv("conv1", x, width, 1)))
	h = b.Op("Relu", nil, b.Op("Add", nil, s.norm("bn2", s.conv("conv2", h, width, 1)), h))
	h = b.Op("MaxPool", graph.Attrs{"kernel_shape": ints(2, 2), "strides": ints(2, 2)}, h)
	last := s.norm("bn3", s.conv("conv3", h, 2*width, 2))
	if shortcut {
		w, bias := s.param("shortcut", normal(2*width, width, 1, 1)), s.param("shortcut.bias", normal(2*width))
		last = b.Op("Add", nil, last, b.Op("Conv", graph.Attrs{"strides": ints(2, 2)}, h, w, bias))
	}
	h = b.Op("Flatten", nil, b.Op("GlobalAveragePool", nil, b.Op("Relu", nil, last)))
	w, bias := s.param("fc", normal(2*width, 5)), s.param("fc.bias", graph.NewTensor(graph.Float32, 5))
	terms := b.Op("Mul", nil, labels, b.Op("LogSoftmax", nil, b.Op("Gemm", nil, h, w, bias)))
	mean := b.Op("ReduceMean", graph.Attrs{"keepdims": int64(0)}, b.Op("ReduceSum", nil, terms, b.Ints(1)))
	step, err := s.descend(b.Op("Neg", nil, mean), rate, native)
	if err != nil {
		return nil, nil, err
	}
	hot := graph.NewTensor(graph.Float32, n, 5)
	for i := range n {
		hot.Float32s()[i*5+i*i%5] = 1
	}
	return step, map[string]*graph.Tensor{"x": normal(n, 3, size, size), "labels": hot, "rate": scalar(0.05)}, nil
}

// stepBuilder builds a step with its state.
type stepBuilder struct {
	*graph.Builder
	step   *engine.Step
	params []*graph.Value
	next   map[*graph.Value]*graph.Value // of each part of the state, its next value
}

// carry adds to the state.
func (s *stepBuilder) carry(name string, initial *graph.Tensor) *graph.Value {
	v := s.Input(name, initial.DType, initial.Shape())
	s.step.State = append(s.step.State, engine.Carry{In: v.Name, Initial: initial})
	return v
}

// param adds to the state what is trained.
func (s *stepBuilder) param(name string, initial *graph.Tensor) *graph.Value {
	v := s.carry(name, initial)
	s.params = append(s.params, v)
	return v
}

// conv is 3×3.
func (s *stepBuilder) conv(name string, x *graph.Value, out int, stride int64) *graph.Value {
	w := normal(out, x.Shape[1].Size, 3, 3)
	for i := range w.Float32s() {
		w.Float32s()[i] *= 0.2
	}
	attrs := graph.Attrs{"pads": ints(1, 1, 1, 1), "strides": ints(stride, stride)}
	return s.Op("Conv", attrs, x, s.param(name, w))
}

func (s *stepBuilder) norm(name string, x *graph.Value) *graph.Value {
	c := x.Shape[1].Size
	zeros := func() *graph.Tensor { return graph.NewTensor(graph.Float32, c) }
	mean, variance := s.carry(name+".mean", zeros()), s.carry(name+".var", positive(c))
	scale, bias := s.param(name+".scale", positive(c)), s.param(name+".bias", zeros())
	out := s.Ops("ildc.BatchNormTrain", 5, nil, x, scale, bias, mean, variance)
	s.next[mean], s.next[variance] = out[1], out[2]
	return out[0]
}

// descend completes the step: gradients of the loss, SGD with a momentum of 0.9, and the loss as the result.
func (s *stepBuilder) descend(loss, rate *graph.Value, native []string) (*engine.Step, error) {
	grads, err := pass.Gradient(s.Builder, loss, s.params)
	if err != nil {
		return nil, err
	}
	for i, p := range s.params {
		m := s.carry(p.Name+".momentum", graph.NewTensor(graph.Float32, p.Shape.Sizes()...))
		s.next[m] = s.Op("Add", nil, s.Op("Mul", nil, m, s.Scalar(graph.Float32, 0.9)), grads[i])
		s.next[p] = s.Op("Sub", nil, p, s.Op("Mul", nil, rate, s.next[m]))
	}
	s.Output(s.Rename(loss, "loss"))
	byName := s.step.Graph.ByName()
	for _, c := range s.step.State {
		s.Output(s.next[byName[c.In]])
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if s.step.Graph, err = pass.Lower(s.step.Graph, native); err != nil {
		return nil, err
	}
	for i, v := range s.step.Graph.Outputs[1:] { // named by lowering
		s.step.State[i].Out = v.Name
	}
	return s.step, nil
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

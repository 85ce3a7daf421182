package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

func trainingGraph(t *testing.T, native []string, n, size, width int) (*engine.Step, map[string]*graph.Tensor) {
	t.Helper()
	s, feeds, err := residualStep(native, n, size, width, true)
	if err != nil {
		t.Fatal(err)
	}
	return s, feeds
}

// TrainingStep is a whole training step of a small residual conv net on x [n,3,size,size] and labels [n,5]: batch norm, max pool, strides,
// cross-entropy, gradients and SGD with momentum; and what to feed it. Its state is weights, momenta and running statistics. Macro
// ops that are not native are lowered.
func TrainingStep(native []string, n, size, width int) (*engine.Step, map[string]*graph.Tensor, error) {
	return residualStep(native, n, size, width, false)
}

// residualStep is TrainingStep, where the last convolution may have a shortcut: another convolution, with a bias.
func residualStep(native []string, n, size, width int, shortcut bool) (*engine.Step, map[string]*graph.Tensor, error) {
	g := graph.New("training step")
	g.Opsets[""], g.Opsets[op.Macro] = op.Opset, 1
	b := op.NewBuilder(g)
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
	x, labels := b.Input("x", graph.Float32, graph.Dims(n, 3, size, size)), b.Input("labels", graph.Float32, graph.Dims(n, 5))
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
		out := b.Ops("ildc.BatchNormTrain", 5, nil, v, param(name+".scale", positive(c)), param(name+".bias", zeros()), mean, variance)
		next[mean], next[variance] = out[1], out[2]
		return out[0]
	}
	h := b.Op("Relu", nil, norm("bn1", conv("conv1", x, width, 1)))
	h = b.Op("Relu", nil, b.Op("Add", nil, norm("bn2", conv("conv2", h, width, 1)), h))
	h = b.Op("MaxPool", graph.Attrs{"kernel_shape": ints(2, 2), "strides": ints(2, 2)}, h)
	last := norm("bn3", conv("conv3", h, 2*width, 2))
	if shortcut {
		projected := b.Op("Conv", graph.Attrs{"strides": ints(2, 2)}, h, param("shortcut", normal(2*width, width, 1, 1)), param("shortcut.bias", normal(2*width)))
		last = b.Op("Add", nil, last, projected)
	}
	h = b.Op("Relu", nil, last)
	h = b.Op("Flatten", nil, b.Op("GlobalAveragePool", nil, h))
	logits := b.Op("Gemm", nil, h, param("fc", normal(2*width, 5)), param("fc.bias", graph.NewTensor(graph.Float32, 5)))
	terms := b.Op("Mul", nil, labels, b.Op("LogSoftmax", nil, logits))
	loss := b.Op("Neg", nil, b.Op("ReduceMean", graph.Attrs{"keepdims": int64(0)}, b.Op("ReduceSum", nil, terms, b.Ints(1))))
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

// trainingStep compares three steps, with the state carried from one to the next, with the reference; for few channels, and for enough of
// channels and samples that engines with faster ways for many take them.
func trainingStep(t *testing.T, e engine.Engine) {
	for _, c := range []struct{ n, size, width int }{{6, 8, 4}, {16, 8, 10}, {16, 8, 16}} {
		t.Run(fmt.Sprintf("batch %d, %d channels", c.n, c.width), func(t *testing.T) { compareSteps(t, e, c.n, c.size, c.width) })
	}
}

func compareSteps(t *testing.T, e engine.Engine, n, size, width int) {
	step, feeds := trainingGraph(t, e.Native(), n, size, width)
	p := compile(t, e, step, engine.Options{})
	whole, _ := trainingGraph(t, Reference{}.Native(), n, size, width)
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
	got, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	want, err := oracle.State()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d tensors of state, want %d", len(got), len(want))
	}
	for name := range want {
		near(t, name, got[name], want[name], tolerance)
	}
}

// state checks that state can be read, set and continued from.
func state(t *testing.T, e engine.Engine) {
	step, feeds := trainingGraph(t, e.Native(), 4, 8, 4)
	p, q := compile(t, e, step, engine.Options{}), compile(t, e, step, engine.Options{})
	run(t, p, feeds)
	after, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := q.SetState(after); err != nil {
		t.Fatal(err)
	}
	run(t, p, feeds)
	run(t, q, feeds)
	same(t, "continued from a copy of the state", mustState(t, q), mustState(t, p))
	part, err := p.State("fc", "conv1")
	if err != nil || len(part) != 2 || part["fc"] == nil || part["conv1"] == nil {
		t.Errorf("part of the state: %v, %v", part, err)
	}
	if _, err := p.State("fc", "nonesuch"); err == nil || !strings.Contains(err.Error(), "nonesuch") {
		t.Errorf("unknown state: error %v", err)
	}
	before := mustState(t, p)
	for name, bad := range map[string]map[string]*graph.Tensor{
		"nonesuch": {"fc": normal(8, 5), "nonesuch": normal(1)},
		"conv1":    {"fc": normal(8, 5), "conv1": normal(3, 3)},
	} {
		if err := p.SetState(bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("bad state %q: error %v", name, err)
		}
		same(t, "state after a refused SetState", mustState(t, p), before)
	}
}

func mustState(t *testing.T, p engine.Program) map[string]*graph.Tensor {
	t.Helper()
	s, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inputs checks that wrong inputs are refused by name, and leave the state as it was.
func inputs(t *testing.T, e engine.Engine) {
	step, feeds := trainingGraph(t, e.Native(), 4, 8, 4)
	p := compile(t, e, step, engine.Options{})
	run(t, p, feeds)
	before := mustState(t, p)
	for name, x := range map[string]*graph.Tensor{
		"missing": nil, "shape": normal(4, 3, 8, 7), "dtype": graph.NewTensor(graph.Float64, 4, 3, 8, 8),
	} {
		bad := map[string]*graph.Tensor{"labels": feeds["labels"], "rate": feeds["rate"]}
		if x != nil {
			bad["x"] = x
		}
		if _, err := p.Run(context.Background(), bad); err == nil || !strings.Contains(err.Error(), `"x"`) {
			t.Errorf("%s: error %v", name, err)
		}
		same(t, "state after refused input", mustState(t, p), before)
	}
}

// cancel checks that a run ends soon after its context does, and leaves the state as it was.
func cancel(t *testing.T, e engine.Engine) {
	step, feeds := trainingGraph(t, e.Native(), 32, 32, 16)
	p := compile(t, e, step, engine.Options{Threads: 1})
	begin := time.Now()
	run(t, p, feeds)
	whole := time.Since(begin)
	before := mustState(t, p)
	over, stop := context.WithCancel(context.Background())
	stop()
	if _, err := p.Run(over, feeds); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that was over: error %v", err)
	}
	same(t, "state after a run that never began", mustState(t, p), before)
	cancelled := 0
	for i := range 8 {
		ctx, stop := context.WithTimeout(context.Background(), whole*time.Duration(i+1)/10)
		_, err := p.Run(ctx, feeds)
		stop()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			cancelled++
			same(t, "state after a cancelled run", mustState(t, p), before)
		case err != nil:
			t.Fatal(err)
		default:
			before = mustState(t, p)
		}
	}
	if cancelled == 0 {
		t.Errorf("no run of %v was cancelled within its first half", whole)
	}
	fresh := compile(t, e, step, engine.Options{Threads: 1})
	if err := fresh.SetState(before); err != nil {
		t.Fatal(err)
	}
	same(t, "a run after a cancelled one", run(t, p, feeds), run(t, fresh, feeds))
	same(t, "state after it", mustState(t, p), mustState(t, fresh))
}

// deterministic checks that the same inputs give the same bytes.
func deterministic(t *testing.T, e engine.Engine) {
	step, feeds := trainingGraph(t, e.Native(), 8, 16, 8)
	o := engine.Options{Deterministic: true, Threads: 2}
	p, q := compile(t, e, step, o), compile(t, e, step, o)
	for range 3 {
		same(t, "results", run(t, q, feeds), run(t, p, feeds))
	}
	same(t, "state", mustState(t, q), mustState(t, p))
}

// threads checks that any number of threads works.
func threads(t *testing.T, e engine.Engine) {
	step, feeds := trainingGraph(t, e.Native(), 5, 8, 4)
	want := run(t, compile(t, e, step, engine.Options{Threads: 1}), feeds)
	for _, n := range []int{2, 3, 7} {
		near(t, "loss", run(t, compile(t, e, step, engine.Options{Threads: n}), feeds)["loss"], want["loss"], 1e-5)
	}
}

// concurrent compiles and runs programs at the same time.
func concurrent(t *testing.T, e engine.Engine) {
	step, feeds := trainingGraph(t, e.Native(), 4, 8, 4)
	p := compile(t, e, step, engine.Options{Threads: 2})
	run(t, p, feeds)
	want := run(t, p, feeds)
	var all sync.WaitGroup
	results := make([]map[string]*graph.Tensor, 4)
	errs := make([]error, len(results))
	for i := range results {
		all.Go(func() {
			q, err := e.Compile(context.Background(), step, engine.Options{Threads: 2})
			if err != nil {
				errs[i] = err
				return
			}
			_, err1 := q.Run(context.Background(), feeds)
			var err2 error
			results[i], err2 = q.Run(context.Background(), feeds)
			errs[i] = errors.Join(err1, err2, q.Close())
		})
	}
	all.Wait()
	for i, r := range results {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		same(t, "results of a program beside others", r, want)
	}
}

// unsupported checks that Compile names everything that it cannot run.
func unsupported(t *testing.T, e engine.Engine) {
	g := graph.New("unsupported")
	g.Opsets[""] = op.Opset
	x := &graph.Value{Name: "x", DType: graph.Float32, Shape: graph.Dims(2)}
	y := &graph.Value{Name: "y", DType: graph.Float32, Shape: graph.Dims(2)}
	z := &graph.Value{Name: "z", DType: graph.Float32, Shape: graph.Dims(2)}
	for _, n := range []*graph.Node{
		{Name: "first", Op: "Frobnicate", Inputs: []*graph.Value{x}, Outputs: []*graph.Value{y}},
		{Name: "second", Op: "Reverberate", Domain: "com.example", Inputs: []*graph.Value{y}, Outputs: []*graph.Value{z}},
	} {
		n.Outputs[0].Producer = n
		g.Nodes = append(g.Nodes, n)
	}
	g.Opsets["com.example"] = 1
	g.Inputs, g.Outputs = []*graph.Value{x}, []*graph.Value{z}
	_, err := e.Compile(context.Background(), &engine.Step{Graph: g}, engine.Options{})
	if !errors.Is(err, engine.ErrUnsupported) {
		t.Fatalf("error %v, want engine.ErrUnsupported", err)
	}
	for _, name := range []string{"first", "Frobnicate", "second", "com.example.Reverberate"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %q: %v", name, err)
		}
	}
}

// owned checks that what a program returns or is given is not kept.
func owned(t *testing.T, e engine.Engine) {
	step, feeds := trainingGraph(t, e.Native(), 4, 8, 4)
	p, q := compile(t, e, step, engine.Options{}), compile(t, e, step, engine.Options{})
	spoil := func(ts map[string]*graph.Tensor) {
		for _, x := range ts {
			for i := range x.Float32s() {
				x.Float32s()[i] = 1e6
			}
		}
	}
	for range 2 {
		mine := map[string]*graph.Tensor{}
		for name, x := range feeds {
			mine[name] = x.Clone()
		}
		first, want := run(t, p, mine), run(t, q, feeds)
		same(t, "results", first, want)
		spoil(mine)
		spoil(first)
		spoil(mustState(t, p))
	}
	given := mustState(t, q)
	if err := p.SetState(given); err != nil {
		t.Fatal(err)
	}
	spoil(given)
	same(t, "state", mustState(t, p), mustState(t, q))
}

// sharing runs a graph whose values live in every way that may tempt an engine to reuse memory too early.
func sharing(t *testing.T, e engine.Engine) {
	g := graph.New("sharing")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	x := b.Input("x", graph.Float32, graph.Dims(4, 6))
	w := b.Const("w", normal(4, 6))
	flat := b.Op("Reshape", nil, x, b.Ints(24))           // a view of an input
	r := b.Op("Relu", nil, flat)                          // may not change the input
	view := b.Op("Reshape", nil, r, b.Ints(4, 6))         // a view of a value that is read again
	neg := b.Op("Neg", nil, view)                         // may not take r's memory
	sum := b.Op("Add", nil, neg, b.Op("Mul", nil, w, w))  // an initializer read twice
	twice := b.Op("Add", nil, sum, sum)                   // both operands are one value
	late := b.Op("Mul", nil, b.Op("Exp", nil, neg), view) // view lives on
	constant := b.Op("Identity", nil, w)                  // an output that is an initializer
	passed := b.Op("Reshape", nil, x, b.Ints(6, 4))       // an output that is an input
	parts := b.Ops("Split", 2, graph.Attrs{"axis": int64(0), "num_outputs": int64(2)}, late)
	b.Output(twice, late, constant, passed, b.Op("Reshape", nil, r, b.Ints(3, 8)), b.Op("Add", nil, parts[0], parts[1]), w)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	feeds := map[string]*graph.Tensor{"x": normal(4, 6)}
	want, err := pass.Eval(g, feeds)
	if err != nil {
		t.Fatal(err)
	}
	p := compile(t, e, &engine.Step{Graph: g}, engine.Options{})
	for range 2 {
		got := run(t, p, feeds)
		for name := range want {
			near(t, name, got[name], want[name], 1e-5)
		}
	}
}

// swapped carries two tensors of state into each other, and keeps one that only SetState changes.
func swapped(t *testing.T, e engine.Engine) {
	g := graph.New("swapped")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	u, v, w := b.Input("u", graph.Float32, graph.Dims(3)), b.Input("v", graph.Float32, graph.Dims(3)), b.Input("w", graph.Float32, graph.Dims(3))
	out := b.Rename(b.Op("Add", nil, u, w), "out")
	b.Output(out, b.Rename(u, "u next"), b.Rename(v, "v next"))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	one := func(x float32) *graph.Tensor { return graph.FromFloat32([]int{3}, []float32{x, x, x}) }
	p := compile(t, e, &engine.Step{Graph: g, State: []engine.Carry{
		{In: "u", Out: "v next", Initial: one(1)}, {In: "v", Out: "u next", Initial: one(2)}, {In: "w", Initial: one(10)},
	}}, engine.Options{})
	for i, want := range []float32{11, 12, 21} {
		if i == 2 {
			if err := p.SetState(map[string]*graph.Tensor{"w": one(20)}); err != nil {
				t.Fatal(err)
			}
		}
		if got := run(t, p, nil); len(got) != 1 || got["out"].Float32s()[0] != want {
			t.Errorf("run %d gives %v, want %v", i, got["out"].Values(), want)
		}
	}
}

// closing checks that Close may be repeated, and that a closed program says so.
func closing(t *testing.T, e engine.Engine) {
	step, feeds := trainingGraph(t, e.Native(), 2, 8, 4)
	p := compile(t, e, step, engine.Options{})
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Run(context.Background(), feeds); err == nil {
		t.Error("a closed program runs")
	}
	if _, err := p.State(); err == nil {
		t.Error("a closed program gives its state")
	}
}

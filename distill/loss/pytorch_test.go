package loss

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// lossFixture is a loss on fixed tensors as PyTorch computes it, with its gradients: see
// testdata/losses/make_losses.py.
type lossFixture struct {
	Name        string
	Loss        string
	Channel     int
	Kept        []int
	FirstKept   []int `json:"first_kept"`
	Classify    bool
	Variance    float64
	Temperature float64
	Value       float64
	Tensors     map[string]fixtureTensor
	Gradients   map[string]fixtureTensor
}

type fixtureTensor struct {
	Dims []int
	Data []float64
}

// TestLossesAgainstPyTorch compares values and gradients of every loss with an independent computation. Both are in
// float64: 1e-9 is far above what another order of sums makes, and far below any mistake in a formula.
func TestLossesAgainstPyTorch(t *testing.T) {
	data, err := os.ReadFile("../../testdata/losses/losses.json")
	if err != nil {
		t.Fatal(err)
	}
	var fixtures []lossFixture
	if err := json.Unmarshal(data, &fixtures); err != nil {
		t.Fatal(err)
	}
	compared := map[string]bool{}
	for _, f := range fixtures {
		compared[f.Loss] = true
		t.Run(f.Loss+" of "+f.Name, f.check)
	}
	for _, name := range Names() {
		if !compared[name] {
			t.Errorf("loss %q is not compared with PyTorch: add it to make_losses.py", name)
		}
	}
}

func (f lossFixture) check(t *testing.T) {
	const tolerance = 1e-9
	g := graph.New(f.Name)
	b := op.NewBuilder(g)
	feeds, values := map[string]*graph.Tensor{}, map[string]*graph.Value{}
	feed := func(name string) *graph.Value {
		x, ok := f.Tensors[name]
		if ok && values[name] == nil {
			feeds[name] = graph.FromFloat64(x.Dims, x.Data)
			values[name] = b.Input(name, graph.Float64, graph.Dims(x.Dims...))
		}
		return values[name]
	}
	e := &Emitter{Builder: b, Param: func(name string, initial *graph.Tensor) *graph.Value {
		v := feed(name)
		if v == nil || !slices.Equal(v.Shape.Sizes(), initial.Dims) {
			t.Fatalf("the loss trains %q %v, which the fixture has not", name, initial.Dims)
		}
		return v
	}}
	loss := f.emit(t, e, feed)
	var wrt []*graph.Value
	var names []string
	for name := range f.Gradients {
		if values[name] == nil {
			t.Fatalf("the loss does not read %q", name)
		}
		names, wrt = append(names, name), append(wrt, values[name])
	}
	grads, err := pass.Gradient(b, loss, wrt)
	if err != nil {
		t.Fatal(err)
	}
	b.Output(b.Rename(loss, "loss"))
	for i, v := range grads {
		b.Output(b.Rename(v, "gradient of "+names[i]))
	}
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	out, err := pass.Eval(g, feeds)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got *graph.Tensor, want []float64) {
		for i, v := range got.Values() {
			if math.Abs(v-want[i]) > tolerance*(1+math.Abs(want[i])) {
				t.Fatalf("%s[%d] is %v, PyTorch gives %v", what, i, v, want[i])
			}
		}
	}
	near("loss", out["loss"], []float64{f.Value})
	for name, want := range f.Gradients {
		near("gradient of "+name, out["gradient of "+name], want.Data)
	}
}

// emit appends the loss, with the variance as the teacher's.
func (f lossFixture) emit(t *testing.T, e *Emitter, feed func(string) *graph.Value) *graph.Value {
	for _, l := range Outputs() {
		if l.Name == f.Loss {
			o := Output{Teacher: feed("teacher"), Student: feed("student"), Labels: feed("labels"),
				Classify: f.Classify, Temperature: f.Temperature}
			if !f.Classify {
				o.Variance = f.Variance
			}
			return l.Emit(e, o)
		}
	}
	feature := func(prefix, name string, kept []int) *Feature {
		if feed(prefix+"teacher") == nil {
			return nil
		}
		return &Feature{Name: name, Teacher: feed(prefix + "teacher"), Student: feed(prefix + "student"),
			Channel: f.Channel, Kept: kept}
	}
	for _, l := range Features() {
		if l.Name != f.Loss {
			continue
		}
		p := feature("", "last", f.Kept)
		p.First, p.Pre = feature("first_", "first", f.FirstKept), feature("pre_", "last", nil)
		if why := l.Refuse(*p); why != "" {
			t.Fatalf("refused: %s", why)
		}
		return l.Term(e, *p, f.Variance)
	}
	t.Fatalf("there is no loss %q", f.Loss)
	return nil
}

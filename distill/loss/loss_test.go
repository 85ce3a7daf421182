package loss

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// lossGraph is a graph of one term in float64: inputs teacher, student (and the connectors), output loss.
type lossGraph struct {
	g      *graph.Graph
	feeds  map[string]*graph.Tensor
	moved  []string // the inputs that a gradient is taken for
	target map[string]string
}

func newLossGraph(
	t *testing.T, teacher, student []int, emit func(e *Emitter, teacher, student *graph.Value) *graph.Value,
) *lossGraph {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	l := &lossGraph{g: graph.New("loss"), feeds: map[string]*graph.Tensor{}, target: map[string]string{}}
	b := op.NewBuilder(l.g)
	feed := func(name string, dims []int) *graph.Value {
		data := make([]float64, graph.Product(dims))
		for i := range data {
			data[i] = random.NormFloat64()
		}
		l.feeds[name] = graph.FromFloat64(dims, data)
		return b.Input(name, graph.Float64, graph.Dims(dims...))
	}
	e := &Emitter{Builder: b}
	var moved []*graph.Value
	e.Param = func(name string, initial *graph.Tensor) *graph.Value {
		v := feed(name, initial.Dims)
		moved = append(moved, v)
		return v
	}
	tv, sv := feed("teacher", teacher), feed("student", student)
	moved = append(moved, sv)
	loss := emit(e, tv, sv)
	grads, err := pass.Gradient(b, loss, moved)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range moved {
		l.moved = append(l.moved, v.Name)
		l.target[v.Name] = grads[i].Name
		b.Output(grads[i])
	}
	b.Output(b.Rename(loss, "loss"))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lossGraph) eval(t *testing.T) map[string]*graph.Tensor {
	t.Helper()
	out, err := pass.Eval(l.g, l.feeds)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLossGradients(t *testing.T) {
	softmax := func(o Output) Output { o.Classify, o.Temperature = true, 4; return o }
	output := func(l OutputLoss, shape func(Output) Output) func(*Emitter, *graph.Value, *graph.Value) *graph.Value {
		return func(e *Emitter, tv, sv *graph.Value) *graph.Value {
			return l.Emit(e, shape(Output{Teacher: tv, Student: sv, Labels: tv, Variance: 2}))
		}
	}
	feature := func(l FeatureLoss, channel int) func(*Emitter, *graph.Value, *graph.Value) *graph.Value {
		return func(e *Emitter, tv, sv *graph.Value) *graph.Value {
			f := Feature{Name: "f", Teacher: tv, Student: sv, Channel: channel}
			return e.MeanSquare(l.Student(e, f), l.Teacher(e, f))
		}
	}
	for _, c := range []struct {
		name             string
		teacher, student []int
		emit             func(*Emitter, *graph.Value, *graph.Value) *graph.Value
	}{
		{"kd of logits", []int{3, 5}, []int{3, 5}, output(KD(), softmax)},
		{"kd of values", []int{3, 5}, []int{3, 5}, output(KD(), func(o Output) Output { return o })},
		{"ce", []int{3, 5}, []int{3, 5}, output(CE(), softmax)},
		{"hint of maps", []int{2, 6, 4, 4}, []int{2, 3, 4, 4}, feature(hint(), 1)},
		{"hint of a larger teacher map", []int{2, 6, 4, 4}, []int{2, 3, 2, 2}, feature(hint(), 1)},
		{"hint of vectors", []int{4, 6}, []int{4, 3}, feature(hint(), 1)},
		{"hint of sequences", []int{2, 3, 6}, []int{2, 3, 4}, feature(hint(), 2)},
		{"at of maps", []int{2, 6, 4, 4}, []int{2, 3, 4, 4}, feature(at(), 1)},
		{"at of a larger student map", []int{2, 6, 2, 2}, []int{2, 3, 4, 4}, feature(at(), 1)},
		{"at of sequences", []int{2, 3, 6}, []int{2, 3, 4}, feature(at(), 2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLossGraph(t, c.teacher, c.student, c.emit)
			out := l.eval(t)
			const h = 1e-5 // central differences err by h² and by rounding/h, both near 1e-10 here
			for _, name := range l.moved {
				grad := out[l.target[name]].Values()
				data := l.feeds[name].Data.([]float64)
				for i := range data {
					was := data[i]
					data[i] = was + h
					up := l.eval(t)["loss"].Values()[0]
					data[i] = was - h
					down := l.eval(t)["loss"].Values()[0]
					data[i] = was
					if want := (up - down) / (2 * h); math.Abs(want-grad[i]) > 1e-7*(1+math.Abs(want)) {
						t.Fatalf("gradient of %s[%d] is %g, differences give %g", name, i, grad[i], want)
					}
				}
			}
		})
	}
}

func TestTemperature(t *testing.T) {
	for _, c := range []struct {
		asked, want float64
		dims        []int
	}{
		{0, 4, []int{2, 100}}, {0, 1, []int{2, 101}}, {0, 4, []int{101, 2}}, {0, 1, []int{2, 5, 1000}}, {0, 4, nil},
		{2, 2, []int{2, 1000}}, {8, 8, []int{2, 10}},
	} {
		if got := Temperature(c.asked, &graph.Value{Shape: graph.Dims(c.dims...)}); got != c.want {
			t.Errorf("temperature %g of %v is %g: want %g", c.asked, c.dims, got, c.want)
		}
	}
}

// KD in closed form: logits of two classes (a, 0) and (b, 0) at temperature T give Bernoulli distributions.
func TestKDValue(t *testing.T) {
	l := newLossGraph(t, []int{1, 2}, []int{1, 2}, func(e *Emitter, tv, sv *graph.Value) *graph.Value {
		return KD().Emit(e, Output{Teacher: tv, Student: sv, Classify: true, Temperature: 2})
	})
	l.feeds["teacher"] = graph.FromFloat64([]int{1, 2}, []float64{3, 0})
	l.feeds["student"] = graph.FromFloat64([]int{1, 2}, []float64{1, 0})
	p, q := 1/(1+math.Exp(-1.5)), 1/(1+math.Exp(-0.5))
	want := 4 * (p*math.Log(p/q) + (1-p)*math.Log((1-p)/(1-q)))
	if got := l.eval(t)["loss"].Values()[0]; math.Abs(got-want) > 1e-12 {
		t.Errorf("kd is %v, closed form gives %v", got, want)
	}
}

// The attention map of a constant map is uniform, and does not depend on the constant.
func TestATIgnoresScale(t *testing.T) {
	l := newLossGraph(t, []int{1, 3, 2, 2}, []int{1, 2, 2, 2}, func(e *Emitter, tv, sv *graph.Value) *graph.Value {
		f := Feature{Teacher: tv, Student: sv, Channel: 1}
		return e.MeanSquare(at().Student(e, f), at().Teacher(e, f))
	})
	fill := func(n int, v float64) []float64 {
		data := make([]float64, n)
		for i := range data {
			data[i] = v
		}
		return data
	}
	l.feeds["teacher"] = graph.FromFloat64([]int{1, 3, 2, 2}, fill(12, 7))
	l.feeds["student"] = graph.FromFloat64([]int{1, 2, 2, 2}, fill(8, 0.1))
	if got := l.eval(t)["loss"].Values()[0]; got > 1e-12 {
		t.Errorf("at of two uniform maps is %v", got)
	}
}

func TestRefusedPairs(t *testing.T) {
	feature := func(channel int, teacher, student []int) Feature {
		t, s := &graph.Value{Shape: graph.Dims(teacher...)}, &graph.Value{Shape: graph.Dims(student...)}
		return Feature{Teacher: t, Student: s, Channel: channel}
	}
	for _, c := range []struct {
		name    string
		loss    FeatureLoss
		f       Feature
		refused bool
	}{
		{"hint of equal extents", hint(), feature(1, []int{2, 8, 4, 4}, []int{2, 4, 4, 4}), false},
		{"hint of a multiple", hint(), feature(1, []int{2, 8, 8, 8}, []int{2, 4, 4, 4}), false},
		{"hint of 6 and 4", hint(), feature(1, []int{2, 8, 6, 6}, []int{2, 4, 4, 4}), true},
		{"hint of multiples in both directions", hint(), feature(1, []int{2, 8, 8, 4}, []int{2, 4, 4, 8}), true},
		{"hint of other ranks", hint(), feature(1, []int{2, 8, 8, 4}, []int{2, 4}), true},
		{"hint of other extents, channels last", hint(), feature(3, []int{2, 8, 8, 4}, []int{2, 4, 4, 4}), true},
		{"hint of very long vectors", hint(), feature(1, []int{2, 23328}, []int{2, 20412}), true},
		{"at of vectors", at(), feature(1, []int{2, 8}, []int{2, 4}), true},
		{"at of maps", at(), feature(1, []int{2, 8, 4, 4}, []int{2, 4, 4, 4}), false},
	} {
		if why := c.loss.Refuse(c.f); (why != "") != c.refused {
			t.Errorf("%s: refused for the reason %q", c.name, why)
		}
	}
}

func TestParseWeights(t *testing.T) {
	w, err := ParseWeights("kd, hint=2,at=0.5")
	if err != nil || w["kd"] != 1 || w["hint"] != 2 || w["at"] != 0.5 || len(w) != 3 {
		t.Errorf("got %v, %v", w, err)
	}
	if again, err := ParseWeights(w.String()); err != nil || again.String() != w.String() {
		t.Errorf("%q does not read back: %v", w, err)
	}
	for _, bad := range []string{"", "kd,kd", "kd=-1", "kd=x", "magic", "kd=NaN"} {
		if w, err := ParseWeights(bad); err == nil {
			t.Errorf("%q gives %v", bad, w)
		}
	}
}

package models_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/setting"
	"github.com/ildc/ildc/models"
)

// teacher builds a convolutional net with a residual stage, batch norm and two linear layers, all with random weights.
func teacher() *graph.Graph {
	g := graph.New("teacher")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	random := rand.New(rand.NewPCG(1, 2))
	weight := func(name string, dims ...int) *graph.Value {
		data := make([]float64, graph.Product(dims))
		for i := range data {
			data[i] = random.NormFloat64() * math.Sqrt(2/float64(graph.Product(dims[1:])))
		}
		return b.Const(name, graph.FromValues(graph.Float32, dims, data))
	}
	conv := func(x *graph.Value, out, kernel int) *graph.Value {
		pad := int64(kernel / 2)
		return b.Op("Conv", graph.Attrs{"pads": []int64{pad, pad, pad, pad}}, x, weight("w", out, x.Shape[1].Size, kernel,
			kernel), weight("b", out))
	}
	norm := func(x *graph.Value) *graph.Value {
		c := x.Shape[1].Size
		ones := slices.Repeat([]float64{1}, c)
		return b.Op("BatchNormalization", nil, x, b.Const("scale", graph.FromValues(graph.Float32, []int{c}, ones)),
			weight("shift", c),
			weight("mean", c), b.Const("var", graph.FromValues(graph.Float32, []int{c}, ones)))
	}
	relu := func(x *graph.Value) *graph.Value { return b.Op("Relu", nil, x) }
	x := b.Input("x", graph.Float32, graph.Shape{graph.Sym("N"), graph.D(3), graph.D(8), graph.D(8)})
	x = relu(norm(conv(x, 16, 3)))
	x = relu(b.Op("Add", nil, x, norm(conv(relu(norm(conv(x, 32, 3))), 16, 3))))
	x = relu(conv(x, 24, 1))
	x = b.Op("Flatten", nil, b.Op("GlobalAveragePool", nil, x))
	x = relu(b.Op("Gemm", nil, x, weight("w", 24, 40), weight("b", 40)))
	b.Output(b.Op("Gemm", nil, x, weight("w", 40, 10), weight("b", 10)))
	if err := b.Err(); err != nil {
		panic(err)
	}
	return g
}

var batchOfOne = pass.Binding{Batch: 1}

func budget(t *testing.T, text string) models.Budget {
	t.Helper()
	b, err := models.ParseBudget(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func generate(t *testing.T, g *graph.Graph, text string, o models.Options) *models.Student {
	t.Helper()
	o.Binding = batchOfOne
	s, err := models.Generate(g, budget(t, text), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBudgetsAreMet(t *testing.T) {
	g := teacher()
	whole := generate(t, g, "macs=1x", models.Options{})
	if whole.Before != whole.After {
		t.Errorf("macs=1x costs %+v, the teacher %+v", whole.After, whole.Before)
	}
	for text, near := range map[string]func(c models.Cost) float64{ // how much of the limit is used
		"macs=0.5x":    func(c models.Cost) float64 { return float64(c.MACs) / (0.5 * float64(whole.Before.MACs)) },
		"macs=0.2x":    func(c models.Cost) float64 { return float64(c.MACs) / (0.2 * float64(whole.Before.MACs)) },
		"params=0.25x": func(c models.Cost) float64 { return float64(c.Params) / (0.25 * float64(whole.Before.Params)) },
		"params=3k":    func(c models.Cost) float64 { return float64(c.Params) / 3000 },
		"bytes=20kB":   func(c models.Cost) float64 { return float64(c.Bytes) / 20e3 },
		"macs=0.5x,params=2k": func(c models.Cost) float64 {
			return max(float64(c.Params)/2000, float64(c.MACs)/(0.5*float64(whole.Before.MACs)))
		},
	} {
		t.Run(text, func(t *testing.T) {
			s := generate(t, g, text, models.Options{})
			// The smallest step, of one group, is some percent of this small net.
			if used := near(s.After); used > 1 || used < 0.9 {
				t.Errorf("%.3f of the limit is used: %s", used, s.Reached())
			}
			if reached, met := s.Check(s.After.MACs, s.After.Params, s.After.Bytes, 0, 0); !met || reached != s.Reached() {
				t.Errorf("checked as %s, met %v; reached %s", reached, met, s.Reached())
			}
			if _, met := s.Check(s.Before.MACs, s.Before.Params, s.Before.Bytes, 0, 0); met {
				t.Error("the teacher itself meets the budget")
			}
			a, err := pass.Analyse(s.Graph, batchOfOne)
			if err != nil {
				t.Fatal(err)
			}
			if c := pass.CostOf(a); c.MACs != s.After.MACs || c.Params != s.After.Params ||
				pass.ConstantBytes(s.Graph) != s.After.Bytes {
				t.Errorf("the student costs %d MACs, %d params; %+v is told", c.MACs, c.Params, s.After)
			}
		})
	}
}

func TestSmallerBudgetIsSmaller(t *testing.T) {
	g := teacher()
	last := int64(math.MaxInt64)
	for r := 0.95; r > 0.05; r -= 0.1 {
		s := generate(t, g, fmt.Sprintf("macs=%.2fx", r), models.Options{})
		if s.After.MACs > last {
			t.Errorf("at %.2fx there are %d MACs, at a larger budget %d", r, s.After.MACs, last)
		}
		last = s.After.MACs
	}
}

func TestInfeasible(t *testing.T) {
	g := teacher()
	_, err := models.Generate(g, budget(t, "macs=0.0001x"), models.Options{Binding: batchOfOne})
	if !errors.Is(err, models.ErrInfeasible) || !strings.Contains(err.Error(), "the smallest reachable is macs=0.0") {
		t.Fatalf("error %v", err)
	}
	if got := setting.Fields(err); !slices.Equal(got, []string{"Budget"}) {
		t.Errorf("%v would mend it, want the budget", got)
	}
	_, err = models.Generate(g, budget(t, "macs=0.5x"),
		models.Options{Binding: batchOfOne, Keep: []string{"Conv", "Conv_1", "Conv_3", "Gemm"}})
	if !errors.Is(err, models.ErrInfeasible) || !strings.Contains(err.Error(), "it was asked to be kept") {
		t.Errorf("error %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := models.Generate(teacher(), budget(t, "macs=0.5x"),
		models.Options{Binding: batchOfOne, Keep: []string{"nowhere"}, Floor: 2, Multiple: -1, Init: "zeros",
			Importance: "luck"})
	for _, want := range []string{`no node "nowhere"`, "floor 2", "multiple -1", `init "zeros"`, `importance "luck"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s in it", err, want)
		}
	}
}

func TestKeepFloorMultiple(t *testing.T) {
	g := teacher()
	widths := func(o models.Options, text string) string {
		var list []string
		for _, group := range generate(t, g, text, o).Groups {
			list = append(list, fmt.Sprintf("%s %d", group.Name, group.After))
		}
		return strings.Join(list, ", ")
	}
	if got := widths(models.Options{Keep: []string{"Conv_1"}}, "macs=0.5x"); strings.Contains(got, "Conv_1") {
		t.Errorf("Conv_1 was to be kept: %s", got)
	}
	s := generate(t, g, "macs=0.3x", models.Options{Multiple: 8})
	for _, group := range s.Groups {
		if group.After%8 != 0 {
			t.Errorf("%s has %d channels, not a multiple of 8", group.Name, group.After)
		}
	}
	s = generate(t, g, "macs=0.5x", models.Options{Floor: 0.6})
	for _, group := range s.Groups {
		if float64(group.After) < 0.6*float64(group.Before) {
			t.Errorf("%s has %d of %d channels, the floor is 0.6", group.Name, group.After, group.Before)
		}
	}
}

// A channel whose weights are small, be it by its own weights or by the scale of the normalisation behind it, goes
// first.
func TestImportance(t *testing.T) {
	g := teacher()
	values := g.ByName()
	scale := func(name string, axis int, channels []int, by float64) {
		v := values[name]
		data := v.Const.Values()
		inner := graph.Product(v.Const.Dims[axis+1:])
		for i := range data {
			if slices.Contains(channels, i/inner%v.Const.Dims[axis]) {
				data[i] *= by
			}
		}
		v.Const = graph.FromValues(v.DType, v.Const.Dims, data)
	}
	weak := []int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29}
	scale("scale_1", 0, weak, 0.01) // of Conv_1, by its normalisation
	scale("w_2", 1, weak, 0.01)     // and by what reads it
	scale("w_3", 0, weak[:6], 0.01) // of Conv_3
	s := generate(t, g, "macs=0.4x", models.Options{})
	for _, c := range []struct {
		value string
		weak  []int
	}{{"Conv_1", weak}, {"Conv_3", weak[:6]}} {
		kept := s.Lineage[c.value].Channels()
		gone := 0
		for _, channel := range c.weak {
			if !slices.Contains(kept, channel) {
				gone++
			}
		}
		if removed := values[c.value].Shape[1].Size - len(kept); removed == 0 || gone < min(removed, len(c.weak)) {
			t.Errorf("%s keeps %v; of %d channels that went %d are among the weak ones %v", c.value, kept, removed, gone, c.weak)
		}
	}
}

func TestLineage(t *testing.T) {
	g := teacher()
	s := generate(t, g, "macs=0.5x", models.Options{})
	teacherValues := g.ByName()
	for _, v := range s.Graph.Values() {
		l, ok := s.Lineage[v.Name]
		if !ok || l.Teacher != v.Name {
			t.Errorf("%q comes from %q", v.Name, l.Teacher)
			continue
		}
		was := teacherValues[l.Teacher]
		for axis, d := range v.Shape {
			switch {
			case l.Kept == nil || l.Kept[axis] == nil:
				if d != was.Shape[axis] {
					t.Errorf("%q %v comes from %v with axis %d whole", v.Name, v.Shape, was.Shape, axis)
				}
			case !d.Is(len(l.Kept[axis])):
				t.Errorf("%q %v has %d positions left on axis %d", v.Name, v.Shape, len(l.Kept[axis]), axis)
			}
		}
		if v.Const != nil && l.Kept != nil { // inherited
			t2 := was.Const
			for axis, kept := range l.Kept {
				if kept != nil {
					t2 = t2.Take(axis, kept)
				}
			}
			if !slices.Equal(t2.Float32s(), v.Const.Float32s()) {
				t.Errorf("%q does not hold the teacher's weights", v.Name)
			}
		}
	}
	if c := s.Lineage["Gemm_1"].Channels(); len(c) != 10 || c[9] != 9 {
		t.Errorf("the output's channels are %v", c)
	}
	if c := s.Lineage["x"].Channels(); c != nil {
		t.Errorf("the input's channels are %v: no weight gives them", c)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	for _, init := range []models.Init{models.Inherited, models.Random} {
		file := func(seed uint64) []byte {
			data, err := exporter.Marshal(generate(t, teacher(), "macs=0.5x", models.Options{Init: init, Seed: seed}).Graph,
				exporter.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		if !bytes.Equal(file(1), file(1)) {
			t.Errorf("%s: two students of one teacher differ", init)
		}
		if same := bytes.Equal(file(1), file(2)); same != (init == models.Inherited) {
			t.Errorf("%s: with another seed the student is the same: %v", init, same)
		}
	}
}

func TestRandomWeights(t *testing.T) {
	s := generate(t, teacher(), "macs=0.9x", models.Options{Init: models.Random, Seed: 3})
	values := s.Graph.ByName()
	for name, want := range map[string]float64{"b": 0, "scale": 1, "shift": 0, "mean": 0, "var": 1} {
		for _, v := range values[name].Const.Values() {
			if v != want {
				t.Fatalf("%s has an element %g, want %g", name, v, want)
			}
		}
	}
	w := values["w_1"].Const // [32,16,3,3], less what was removed
	sum := 0.0
	for _, v := range w.Values() {
		sum += v * v
	}
	got, want := sum/float64(w.Len()), 2/float64(graph.Product(w.Dims[1:]))
	// The variance of some 3000 normal samples lies within 15 % of its expectation but for once in 10⁸.
	if math.Abs(got/want-1) > 0.15 {
		t.Errorf("the variance is %g, want %g", got, want)
	}
}

// Channels that are the same for every sample, at every position, can be removed without a trace: their mean goes into
// the bias.
func TestMeans(t *testing.T) {
	g := graph.New("constant channels")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	random := rand.New(rand.NewPCG(5, 6))
	weight := func(name string, scale float64, dims ...int) *graph.Value {
		data := make([]float64, graph.Product(dims))
		for i := range data {
			data[i] = scale * random.NormFloat64()
		}
		return b.Const(name, graph.FromValues(graph.Float32, dims, data))
	}
	x := b.Input("x", graph.Float32, graph.Dims(1, 2, 4, 4))
	first := weight("first", 1, 8, 2, 1, 1)
	for c := 4; c < 8; c++ { // channels 4 to 7 are their biases
		first.Const.Float32s()[2*c], first.Const.Float32s()[2*c+1] = 0, 0
	}
	y := b.Op("Relu", nil, b.Op("Conv", nil, x, first,
		b.Const("bias", graph.FromFloat32([]int{8}, []float32{0, 0, 0, 0, 1, 2, 3, 4}))))
	second := weight("second", 1, 6, 8, 3, 3)
	for i := range second.Const.Float32s() {
		if i/9%8 >= 4 {
			second.Const.Float32s()[i] /= 16
		}
	}
	y = b.Op("Conv", nil, y, second, weight("bias2", 1, 6)) // no padding
	y = b.Op("Flatten", nil, b.Op("Relu", nil, y))          // [1,24]
	b.Output(b.Op("Gemm", graph.Attrs{"alpha": float32(0.5), "beta": float32(2)}, y, weight("third", 1, 24, 3),
		weight("bias3", 1, 3)))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	run := func(g *graph.Graph, also ...string) map[string]*graph.Tensor {
		data := make([]float64, 32)
		noise := rand.New(rand.NewPCG(7, 8))
		for i := range data {
			data[i] = noise.NormFloat64()
		}
		out, err := pass.Eval(g, map[string]*graph.Tensor{"x": graph.FromValues(graph.Float32, []int{1, 2, 4, 4}, data)},
			also...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	asked := 0
	s := generate(t, g, "params=0.6x", models.Options{Multiple: 4, Keep: []string{"Conv_1"},
		Activations: func(values []string) (map[string]*graph.Tensor, error) {
			asked = len(values)
			return run(g, values...), nil
		}})
	if kept := fmt.Sprint(s.Lineage["Relu"].Channels()); kept != "[0 1 2 3]" || asked != 1 {
		t.Fatalf("kept %s, %d values asked for", kept, asked)
	}
	name := g.Outputs[0].Name
	got, want := run(s.Graph)[name].Values(), run(g)[name].Values()
	for i := range want {
		// float32 sums in another order
		if math.Abs(got[i]-want[i]) > 1e-5*max(1, math.Abs(want[i])) {
			t.Errorf("output %d is %g, want %g", i, got[i], want[i])
		}
	}

	failing := models.Options{Multiple: 4, Binding: batchOfOne, Activations: func([]string) (map[string]*graph.Tensor,
		error) {
		return nil, errors.New("no data")
	}}
	if _, err := models.Generate(g, budget(t, "params=0.6x"), failing); err == nil ||
		!strings.Contains(err.Error(), "no data") {
		t.Errorf("error %v", err)
	}
}

// A channel that others tell is made up for by them: here channels 4 to 7 are multiples of 0 to 3.
func TestRegression(t *testing.T) {
	g := graph.New("dependent channels")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	random := rand.New(rand.NewPCG(9, 10))
	weight := func(name string, dims ...int) *graph.Value {
		data := make([]float64, graph.Product(dims))
		for i := range data {
			data[i] = random.NormFloat64()
		}
		return b.Const(name, graph.FromValues(graph.Float32, dims, data))
	}
	x := b.Input("x", graph.Float32, graph.Dims(8, 3, 6, 6))
	first := weight("first", 8, 3, 1, 1)
	for i, v := range []float32{1, .5, -.5, -.5, 1, .5, .5, -.5, 1, .7, .7, .7} {
		first.Const.Float32s()[i], first.Const.Float32s()[12+i] = v, v/4
	}
	y := b.Op("Relu", nil, b.Op("Conv", nil, x, first))
	b.Output(b.Op("Conv", nil, y, weight("second", 5, 8, 3, 3)))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	in := map[string]*graph.Tensor{"x": weight("data", 8, 3, 6, 6).Const}
	g.Initializers = g.Initializers[:2]
	run := func(g *graph.Graph, also ...string) map[string]*graph.Tensor {
		out, err := pass.Eval(g, in, also...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	differs := func(s *models.Student) float64 {
		if kept := fmt.Sprint(s.Lineage["Relu"].Channels()); kept != "[0 1 2 3]" {
			t.Fatalf("kept %s", kept)
		}
		sum, scale := 0.0, 0.0
		got, want := run(s.Graph)["Conv_1"].Values(), run(g)["Conv_1"].Values()
		for i := range want {
			sum, scale = sum+(got[i]-want[i])*(got[i]-want[i]), scale+want[i]*want[i]
		}
		return math.Sqrt(sum / scale)
	}
	plain := differs(generate(t, g, "macs=0.5x", models.Options{}))
	activations := func(values []string) (map[string]*graph.Tensor, error) { return run(g, values...), nil }
	made := differs(generate(t, g, "macs=0.5x", models.Options{Activations: activations}))
	// 288 samples for 4 coefficients: λ is 1.5 % of the variance, and so is about what is lost; means are lost without a
	// bias.
	if made > 0.05 || plain < 0.15 {
		t.Errorf("the student differs by %.3f, without activations by %.3f", made, plain)
	}
}

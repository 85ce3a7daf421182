package models_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/models"
)

// pairOfLayers is a net of two layers, the second of which gives "y", behind a head. Both read a value of one shape.
type pairOfLayers struct {
	name   string
	dims   []int // of a sample
	out    int   // the axis of the second layer's outputs in its weight "w"
	alpha  float64
	relu   bool // between the two
	second func(b *graph.Builder, x *graph.Value, weight func(string, ...int) *graph.Value) *graph.Value
}

var pairsOfLayers = []pairOfLayers{
	{"convolution with bias", []int{4, 7, 6}, 0, 1, true,
		func(b *graph.Builder, x *graph.Value, weight func(string, ...int) *graph.Value) *graph.Value {
			return b.Op("Conv", graph.Attrs{"pads": []int64{1, 1, 1, 1}}, x, weight("w", 5, 4, 3, 3), weight("b", 5))
		}},
	{"strides, dilations and uneven padding before batch norm", []int{4, 9, 8}, 0, 1, true,
		func(b *graph.Builder, x *graph.Value, weight func(string, ...int) *graph.Value) *graph.Value {
			y := b.Op("Conv", graph.Attrs{"pads": []int64{2, 0, 1, 1}, "strides": []int64{2, 1}, "dilations": []int64{1, 2}}, x,
				weight("w", 5, 4, 3, 2))
			ones := graph.FromValues(graph.Float32, []int{5}, []float64{1, 2, 1, 0.5, 1})
			b.Op("BatchNormalization", nil, y, weight("scale", 5), weight("shift", 5), weight("mean", 5), b.Const("var", ones))
			return y
		}},
	{"one dimension, its bias added by a node", []int{4, 30}, 0, 1, true,
		func(b *graph.Builder, x *graph.Value, weight func(string, ...int) *graph.Value) *graph.Value {
			y := b.Op("Conv", graph.Attrs{"pads": []int64{1, 1}}, x, weight("w", 5, 4, 3))
			b.Op("Add", nil, weight("b", 1, 5, 1), y)
			return y
		}},
	{"a product that is scaled", []int{12}, 0, 0.5, true,
		func(b *graph.Builder, x *graph.Value, weight func(string, ...int) *graph.Value) *graph.Value {
			return b.Op("Gemm", graph.Attrs{"transB": int64(1), "alpha": float32(0.5), "beta": float32(2)}, x,
				weight("w", 5, 12), weight("b", 5))
		}},
	{"a product of sequences", []int{6, 8}, 1, 1, true, func(b *graph.Builder, x *graph.Value,
		weight func(string, ...int) *graph.Value) *graph.Value {
		y := b.Op("MatMul", nil, x, weight("w", 8, 5))
		b.Op("Add", nil, y, weight("b", 5))
		return y
	}},
	{"no activation between", []int{12}, 1, 1, false, func(b *graph.Builder, x *graph.Value,
		weight func(string, ...int) *graph.Value) *graph.Value {
		return b.Op("Gemm", nil, x, weight("w", 12, 5), weight("b", 5))
	}},
}

func (p pairOfLayers) build() *graph.Graph {
	g := graph.New(p.name)
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	random := rand.New(rand.NewPCG(3, 4))
	weight := func(name string, dims ...int) *graph.Value {
		data := make([]float64, graph.Product(dims))
		for i := range data {
			data[i] = 0.4 * random.NormFloat64()
		}
		return b.Const(name, graph.FromValues(graph.Float32, dims, data))
	}
	shape := graph.Shape{graph.Sym("N")}
	for _, d := range p.dims {
		shape = append(shape, graph.D(d))
	}
	x := b.Input("x", graph.Float32, shape)
	channels := p.dims[0]
	switch {
	case len(p.dims) == 1 || p.dims[1] == 8 && len(p.dims) == 2:
		channels = p.dims[len(p.dims)-1]
		x = b.Op("Add", nil, b.Op("MatMul", nil, x, weight("first", channels, channels)), weight("first bias", channels))
	default:
		kernel := make([]int, len(p.dims)-1)
		for i := range kernel {
			kernel[i] = 1
		}
		x = b.Op("Conv", nil, x, weight("first", append([]int{channels, channels}, kernel...)...),
			weight("first bias", channels))
	}
	if p.relu {
		x = b.Op("Relu", nil, x)
	}
	y := p.second(b, x, weight)
	y.Name = "y"
	last := g.Nodes[len(g.Nodes)-1].Outputs[0]
	b.Output(b.Op("Tanh", nil, last))
	if err := b.Err(); err != nil {
		panic(err)
	}
	return g
}

const pairSamples = 40

// on gives values of a graph on the calibration batch.
func (p pairOfLayers) on(t *testing.T, g *graph.Graph, names ...string) map[string]*graph.Tensor {
	t.Helper()
	a, err := pass.Analyse(g, pass.Binding{Batch: pairSamples})
	if err != nil {
		t.Fatal(err)
	}
	values := a.ByName()
	a.Outputs = nil
	for _, name := range names {
		a.Outputs = append(a.Outputs, values[name])
	}
	random := rand.New(rand.NewPCG(5, 6))
	in := graph.NewTensor(graph.Float32, append([]int{pairSamples}, p.dims...)...)
	for i := range in.Float32s() {
		in.Float32s()[i] = float32(random.NormFloat64())
	}
	out, err := pass.Eval(a, map[string]*graph.Tensor{"x": in})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rows brings y to [outputs][positions of all samples].
func (p pairOfLayers) rows(y *graph.Tensor) [][]float64 {
	axis := 1
	if p.out == 1 { // the last axis
		axis = len(y.Dims) - 1
	}
	rows := make([][]float64, y.Dims[axis])
	inner := graph.Product(y.Dims[axis+1:])
	for i, v := range y.Values() {
		o := i / inner % len(rows)
		rows[o] = append(rows[o], v)
	}
	return rows
}

// TestTakeOver: a layer that takes the work of the one before over has the weights that minimise the squared error with
// the penalty that is documented. The features of each weight are found by running the student's own graph with that
// weight alone, so that no geometry is computed here.
func TestTakeOver(t *testing.T) {
	for _, p := range pairsOfLayers {
		t.Run(p.name, func(t *testing.T) {
			g := p.build()
			o := models.Options{Shrink: models.Depth, Divergence: func(*graph.Graph) (float64, error) { return 0, nil },
				Activations: func(names []string) (map[string]*graph.Tensor, error) { return p.on(t, g, names...), nil }}
			before := generate(t, g, "macs=1x", models.Options{}).Before.MACs
			s := generate(t, g, "macs=0.99x", o)
			if len(s.Removed) != 1 || s.Removed[0].Into == "" || s.After.MACs >= before {
				t.Fatalf("left out: %+v", s.Removed)
			}
			want, got := p.rows(p.on(t, g, "y")["y"]), p.rows(p.on(t, s.Graph, "y")["y"])
			// The offset lies behind y where the layer has none itself.
			shift := offsetBehind(g, s.Graph)
			n := float64(len(want[0]))
			residual, spread := 0.0, 0.0
			for o := range want {
				mean, wantMean := 0.0, 0.0
				for i := range want[o] {
					got[o][i] += shift[o]
					mean += (want[o][i] - got[o][i]) / n
					wantMean += want[o][i] / n
				}
				if math.Abs(mean) > 1e-5 { // float32 sums of numbers near 1
					t.Errorf("output %d is off by %g in the mean", o, mean)
				}
				for i := range want[o] {
					residual += math.Pow(want[o][i]-got[o][i], 2)
					spread += math.Pow(want[o][i]-wantMean, 2)
				}
			}
			if part := residual / spread; part > 0.5 || !p.relu && part > 0.1 {
				t.Errorf("%.3f of the variance is not explained", part)
			}
			p.checkNormalEquations(t, s.Graph, want, got)
		})
	}
}

// offsetBehind is by how much what follows y adds more in the student than in the teacher.
func offsetBehind(teacher, student *graph.Graph) []float64 {
	shift := make([]float64, 5)
	for _, side := range []struct {
		g    *graph.Graph
		sign float64
	}{{student, 1}, {teacher, -1}} {
		for _, n := range side.g.Nodes {
			for _, v := range n.Inputs {
				switch {
				case n.Op == "Add" && v.Name == "b":
					for o, x := range v.Const.Values() {
						shift[o] += side.sign * x
					}
				case n.Op == "BatchNormalization" && v.Name == "mean":
					for o, x := range v.Const.Values() {
						shift[o] -= side.sign * x
					}
				}
			}
		}
	}
	return shift
}

func (p pairOfLayers) checkNormalEquations(t *testing.T, student *graph.Graph, want, got [][]float64) {
	t.Helper()
	clone, _ := student.Clone()
	w := clone.ByName()["w"]
	fitted := w.Const
	outputs := fitted.Dims[p.out]
	count := fitted.Len() / outputs
	at := func(o, d int) int { // element of the weight
		if p.out == 0 {
			return o*count + d
		}
		return d*outputs + o
	}
	probe := func(d int) []float64 {
		data := make([]float64, fitted.Len())
		if d >= 0 {
			data[at(0, d)] = 1
		}
		w.Const = graph.FromValues(graph.Float32, fitted.Dims, data)
		return p.rows(p.on(t, clone, "y")["y"])[0]
	}
	none := probe(-1)
	n := float64(len(none))
	features := make([][]float64, count)
	variance := 0.0
	for d := range features {
		features[d] = probe(d)
		mean := 0.0
		for i := range none {
			features[d][i] = (features[d][i] - none[i]) / p.alpha
			mean += features[d][i] / n
		}
		for i := range none {
			features[d][i] -= mean
			variance += features[d][i] * features[d][i] / n / float64(count)
		}
	}
	lambda := (1e-3 + float64(count)/n) * variance
	weights := fitted.Values()
	for o := range want {
		for d, f := range features {
			sum := 0.0
			for i := range f {
				sum += (want[o][i] - got[o][i]) * f[i] / n
			}
			if left := sum - lambda*p.alpha*weights[at(o, d)]; math.Abs(left) > 1e-5 {
				t.Errorf("output %d, weight %d: the gradient is %g", o, d, left)
			}
		}
	}
}

// TestTakeOverOfMany: of a chain of layers all but the last can go, which then takes the work of all over.
func TestTakeOverOfMany(t *testing.T) {
	g := graph.New("chain")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	random := rand.New(rand.NewPCG(3, 4))
	x := b.Input("x", graph.Float32, graph.Shape{graph.Sym("N"), graph.D(12)})
	for range 4 {
		weight := func(dims ...int) *graph.Value {
			data := make([]float64, graph.Product(dims))
			for i := range data {
				data[i] = random.NormFloat64() / math.Sqrt(12)
			}
			return b.Const("w", graph.FromValues(graph.Float32, dims, data))
		}
		x = b.Op("Relu", nil, b.Op("Gemm", nil, x, weight(12, 12), weight(12)))
	}
	b.Output(x)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	p := pairOfLayers{dims: []int{12}, out: 1}
	s := generate(t, g, "macs=0.25x", models.Options{Shrink: models.Depth, Divergence: func(*graph.Graph) (float64,
		error) {
		return 0, nil
	},
		Activations: func(names []string) (map[string]*graph.Tensor, error) { return p.on(t, g, names...), nil }})
	if len(s.Removed) != 3 || s.After.MACs*4 != s.Before.MACs {
		t.Fatalf("left out: %+v, with %d MACs of %d", s.Removed, s.After.MACs, s.Before.MACs)
	}
	last := g.Outputs[0].Producer.Inputs[0].Name
	want, got := p.rows(p.on(t, g, last)[last]), p.rows(p.on(t, s.Graph, last)[last])
	for o := range want {
		mean := 0.0
		for i := range want[o] {
			mean += (want[o][i] - got[o][i]) / float64(len(want[o]))
		}
		if math.Abs(mean) > 1e-5 { // float32 sums of numbers near 1
			t.Errorf("output %d is off by %g in the mean", o, mean)
		}
	}
}

package pass_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// model builds test graphs with random weights.
type model struct {
	*graph.Builder
	random *rand.Rand
}

func newModel(opset int64) *model {
	g := graph.New("test")
	g.Opsets[""] = opset
	return &model{op.NewBuilder(g), rand.New(rand.NewPCG(1, 2))}
}

func (m *model) tensor(dims ...int) *graph.Tensor {
	data := make([]float64, graph.Product(dims))
	for i := range data {
		data[i] = m.random.NormFloat64() / 2
	}
	return graph.FromValues(graph.Float32, dims, data)
}

func (m *model) weight(name string, dims ...int) *graph.Value {
	return m.Const(name, m.tensor(dims...))
}

func (m *model) image(channels int) *graph.Value {
	return m.Input("x", graph.Float32, graph.Dims(1, channels, 4, 4))
}

// conv is a 3×3 convolution with bias.
func (m *model) conv(x *graph.Value, out int) *graph.Value {
	in := x.Shape[1].Size
	return m.Op("Conv", graph.Attrs{"pads": []int64{1, 1, 1, 1}}, x, m.weight("w", out, in, 3, 3), m.weight("b", out))
}

func (m *model) relu(x *graph.Value) *graph.Value { return m.Op("Relu", nil, x) }

func (m *model) norm(x *graph.Value) *graph.Value {
	c := x.Shape[1].Size
	positive := m.tensor(c).Values()
	for i := range positive {
		positive[i] = 0.5 + math.Abs(positive[i])
	}
	return m.Op("BatchNormalization", nil, x, m.weight("scale", c), m.weight("shift", c), m.weight("mean", c),
		m.Const("var", graph.FromValues(graph.Float32, []int{c}, positive)))
}

func (m *model) gemm(x *graph.Value, out int) *graph.Value {
	return m.Op("Gemm", nil, x, m.weight("w", x.Shape[1].Size, out), m.weight("b", out))
}

// head classifies into 3 by a global pool.
func (m *model) head(x *graph.Value) {
	m.Output(m.gemm(m.Op("Flatten", nil, m.Op("GlobalAveragePool", nil, x)), 3))
}

func (m *model) reshape(x *graph.Value, dims ...int64) *graph.Value {
	return m.Op("Reshape", nil, x, m.Const("shape", graph.Ints(dims...)))
}

func (m *model) transpose(x *graph.Value, perm ...int64) *graph.Value {
	return m.Op("Transpose", graph.Attrs{"perm": perm}, x)
}

func TestChannels(t *testing.T) {
	for _, c := range topologies {
		t.Run(c.name, func(t *testing.T) {
			m := newModel(op.Opset)
			c.build(m)
			if err := m.Err(); err != nil {
				t.Fatal(err)
			}
			gs, err := pass.Channels(m.Graph(), pass.Binding{})
			if err != nil {
				t.Fatal(err)
			}
			var groups, fixed []string
			for _, group := range gs.List {
				groups = append(groups, strings.TrimSpace(fmt.Sprintf("%s %d %s", group.Name, group.Channels,
					map[bool]string{true: "loose"}[group.Loose != ""])))
			}
			for _, f := range gs.Fixed {
				fixed = append(fixed, gs.NameOf(f.Node))
				if f.Why == "" {
					t.Errorf("%s is left alone without a reason", f.Node.Name)
				}
			}
			if got := strings.Join(groups, ", "); got != c.groups {
				t.Errorf("groups %s, want %s", got, c.groups)
			}
			if got := strings.Join(fixed, " "); got != c.fixed {
				t.Errorf("left alone %s, want %s: %v", got, c.fixed, gs.Fixed)
			}
			checkSlices(t, gs)
		})
	}
}

// checkSlices removes some channels of each group, then of all, and compares what the sliced graph computes with the
// source in which the weights of linear ops are zero at the removed positions; that of loose groups it only computes.
func checkSlices(t *testing.T, gs *pass.Groups) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	some := func(group *pass.Group) []int {
		keep := random.Perm(group.Channels)[:1+random.IntN(group.Channels-1)]
		slices.Sort(keep)
		return keep
	}
	for i, group := range gs.List {
		keep := make([][]int, len(gs.List))
		keep[i] = some(group)
		checkSlice(t, gs, keep)
	}
	all := make([][]int, len(gs.List))
	for i, group := range gs.List {
		all[i] = some(group)
	}
	checkSlice(t, gs, all)
}

func checkSlice(t *testing.T, gs *pass.Groups, keep [][]int) {
	t.Helper()
	s, err := gs.Slice(keep)
	if err != nil {
		t.Fatalf("keep %v: %v", keep, err)
	}
	sameSignature(t, gs.Source, s.Graph)
	exact := true
	for i, group := range gs.List {
		exact = exact && (keep[i] == nil || group.Loose == "")
	}
	in := map[string]*graph.Tensor{}
	random := rand.New(rand.NewPCG(5, 6))
	for _, v := range gs.Graph.Inputs {
		data := make([]float64, v.Shape.Elements())
		for i := range data {
			data[i] = random.NormFloat64()
		}
		in[v.Name] = graph.FromValues(v.DType, v.Shape.Sizes(), data)
	}
	student, err := pass.Analyse(s.Graph, pass.Binding{Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	// both are float32 with the same terms, in sums of another length: 10⁻⁵ of the largest element is some 80 roundings
	if exact {
		err = same(student, masked(gs, keep), in, 1e-5)
	} else {
		_, err = pass.Eval(student, in)
	}
	if err != nil {
		t.Errorf("keep %v: %v", keep, err)
	}
}

// masked is the analysed source with the weights, constants of two axes or more, zero at the positions that are
// removed.
func masked(gs *pass.Groups, keep [][]int) *graph.Graph {
	g, to := gs.Graph.Clone()
	weights := map[*graph.Value]bool{}
	for _, v := range g.Initializers {
		weights[v] = len(v.Shape) > 1 && v.DType.IsFloat()
	}
	for i, group := range gs.List {
		for _, a := range group.Axes {
			w := to[a.Value]
			if keep[i] == nil || !weights[w] {
				continue
			}
			gone := make([]bool, w.Const.Dims[a.Axis])
			for channel, at := range a.At {
				for _, p := range at {
					gone[p] = gone[p] || !slices.Contains(keep[i], channel)
				}
			}
			data := w.Const.Values()
			inner := graph.Product(w.Const.Dims[a.Axis+1:])
			for k := range data {
				if gone[k/inner%len(gone)] {
					data[k] = 0
				}
			}
			w.Const = graph.FromValues(w.DType, w.Const.Dims, data)
		}
	}
	return g
}

// sameSignature checks that a student takes and gives what its source does.
func sameSignature(t *testing.T, source, student *graph.Graph) {
	t.Helper()
	signature := func(g *graph.Graph) string {
		s := fmt.Sprint(g.Name, g.Opsets)
		for _, v := range slices.Concat(g.Inputs, g.Outputs) {
			s += fmt.Sprint(" ", v.Name, v.DType, v.Shape)
		}
		return s
	}
	if got, want := signature(student), signature(source); got != want {
		t.Errorf("the student is %s, its source %s", got, want)
	}
}

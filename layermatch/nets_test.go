package layermatch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// maker builds small networks. Weights are zeros: the matcher looks at shapes only.
type maker struct {
	*graph.Builder
	width func(teacher int) int // what a layer of the teacher's width is to have
}

// build makes the network with each of the teacher's widths kept, or, with a source of randomness, cut to something
// between a quarter and the whole, each for itself.
func build(t *testing.T, net func(m *maker), random *rand.Rand) *graph.Graph {
	t.Helper()
	g := graph.New("net")
	g.Opsets[""] = op.Opset
	m := &maker{Builder: op.NewBuilder(g), width: func(n int) int { return n }}
	if random != nil {
		m.width = func(n int) int { return n/4 + random.IntN(n-n/4) + 1 }
	}
	net(m)
	if err := m.Err(); err != nil {
		t.Fatal(err)
	}
	return g
}

func (m *maker) zeros(dims ...int) *graph.Value {
	return m.Const("w", graph.NewTensor(graph.Float32, dims...))
}

func (m *maker) image(channels, size int) *graph.Value {
	return m.Input("x", graph.Float32, graph.Shape{graph.Sym("batch"), graph.D(channels), graph.D(size), graph.D(size)})
}

// conv is a square convolution that keeps the resolution, but for the stride.
func (m *maker) conv(x *graph.Value, out, kernel, stride int) *graph.Value {
	return m.groupConv(x, out, kernel, stride, 1)
}

func (m *maker) groupConv(x *graph.Value, out, kernel, stride, group int) *graph.Value {
	pad, step := int64(kernel/2), int64(stride)
	attrs := graph.Attrs{"pads": []int64{pad, pad, pad, pad}, "strides": []int64{step, step}, "group": int64(group)}
	return m.Op("Conv", attrs, x, m.zeros(out, x.Shape[1].Size/group, kernel, kernel), m.zeros(out))
}

func (m *maker) norm(x *graph.Value) *graph.Value {
	c := x.Shape[1].Size
	return m.Op("BatchNormalization", nil, x, m.zeros(c), m.zeros(c), m.zeros(c), m.zeros(c))
}

func (m *maker) relu(x *graph.Value) *graph.Value { return m.Op("Relu", nil, x) }

func (m *maker) convNormRelu(x *graph.Value, out, kernel, stride int) *graph.Value {
	return m.relu(m.norm(m.conv(x, out, kernel, stride)))
}

func (m *maker) maxPool(x *graph.Value) *graph.Value {
	return m.Op("MaxPool", graph.Attrs{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}, x)
}

// classify is global pooling and a Gemm.
func (m *maker) classify(x *graph.Value, classes int) {
	v := m.Op("Flatten", nil, m.Op("GlobalAveragePool", nil, x))
	m.Output(m.Op("Gemm", nil, v, m.zeros(v.Shape[1].Size, classes), m.zeros(classes)))
}

// basicBlock is the residual block of ResNet-18: two 3×3 convolutions, and a projection where the shape changes.
func (m *maker) basicBlock(x *graph.Value, out, stride int) *graph.Value {
	y := m.convNormRelu(x, m.width(out), 3, stride)
	if stride == 1 && x.Shape[1].Is(out) {
		return m.relu(m.Op("Add", nil, m.norm(m.conv(y, out, 3, 1)), x))
	}
	return m.relu(m.Op("Add", nil, m.norm(m.conv(y, out, 3, 1)), m.norm(m.conv(x, out, 1, stride))))
}

func plain(m *maker) {
	x := m.convNormRelu(m.image(3, 32), m.width(16), 3, 1)
	x = m.convNormRelu(x, m.width(16), 3, 1)
	x = m.convNormRelu(m.maxPool(x), m.width(32), 3, 1)
	x = m.convNormRelu(x, m.width(32), 3, 1)
	m.classify(m.convNormRelu(m.maxPool(x), m.width(64), 3, 1), 10)
}

// residual has as many blocks per stage as given.
func residual(blocks ...int) func(m *maker) {
	return func(m *maker) {
		width := m.width(16)
		x := m.convNormRelu(m.image(3, 32), width, 3, 1)
		for stage, n := range blocks {
			stride := 1
			if stage > 0 {
				stride, width = 2, m.width(16<<stage)
			}
			for range n {
				x = m.basicBlock(x, width, stride)
				stride = 1
			}
		}
		m.classify(x, 10)
	}
}

// bottlenecks are ResNet-50's, with the stride on the 3×3 convolution.
func bottlenecks(m *maker) {
	x := m.maxPool(m.convNormRelu(m.image(3, 64), m.width(16), 7, 2))
	for stage := range 3 {
		width, stride := m.width(64<<stage), min(2, stage+1)
		for range 2 {
			y := m.convNormRelu(x, m.width(16<<stage), 1, 1)
			y = m.convNormRelu(y, m.width(16<<stage), 3, stride)
			y = m.norm(m.conv(y, width, 1, 1))
			if stride > 1 || !x.Shape[1].Is(width) {
				x = m.norm(m.conv(x, width, 1, stride))
			}
			x, stride = m.relu(m.Op("Add", nil, y, x)), 1
		}
	}
	m.classify(x, 10)
}

// preActivation normalises before each convolution (He et al. 2016).
func preActivation(m *maker) {
	width := m.width(16)
	x := m.conv(m.image(3, 32), width, 3, 1)
	for range 3 {
		y := m.conv(m.relu(m.norm(x)), m.width(16), 3, 1)
		x = m.Op("Add", nil, x, m.conv(m.relu(m.norm(y)), width, 3, 1))
	}
	m.classify(m.relu(m.norm(x)), 10)
}

// inception has four branches of different depth in parallel.
func inception(m *maker) {
	x := m.convNormRelu(m.image(3, 32), m.width(16), 3, 2)
	for range 2 {
		a := m.convNormRelu(x, m.width(16), 1, 1)
		b := m.convNormRelu(m.convNormRelu(x, m.width(16), 1, 1), m.width(32), 3, 1)
		c := m.convNormRelu(m.convNormRelu(x, m.width(16), 1, 1), m.width(16), 5, 1)
		p := m.Op("MaxPool", graph.Attrs{"kernel_shape": []int64{3, 3}, "pads": []int64{1, 1, 1, 1}}, x)
		x = m.Op("Concat", graph.Attrs{"axis": int64(1)}, a, b, c, m.convNormRelu(p, m.width(16), 1, 1))
	}
	m.classify(x, 10)
}

// dense concatenates all earlier layers (Huang et al. 2017).
func dense(m *maker) {
	x := m.conv(m.image(3, 32), m.width(16), 3, 1)
	for range 2 {
		for range 3 {
			x = m.Op("Concat", graph.Attrs{"axis": int64(1)}, x, m.conv(m.relu(m.norm(x)), m.width(16), 3, 1))
		}
		x = m.Op("AveragePool", graph.Attrs{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}},
			m.conv(m.relu(m.norm(x)), m.width(32), 1, 1))
	}
	m.classify(m.relu(m.norm(x)), 10)
}

// inverted has inverted bottlenecks with depthwise convolutions and squeeze-and-excitation gates.
func inverted(m *maker) {
	width := m.width(16)
	x := m.convNormRelu(m.image(3, 32), width, 3, 2)
	for _, stride := range []int{1, 2, 1} {
		inner := m.width(64)
		y := m.convNormRelu(x, inner, 1, 1)
		y = m.relu(m.norm(m.groupConv(y, inner, 3, stride, inner)))
		gate := m.conv(m.Op("GlobalAveragePool", nil, y), m.width(16), 1, 1)
		gate = m.Op("Sigmoid", nil, m.conv(m.relu(gate), inner, 1, 1))
		y = m.Op("Mul", nil, y, gate)
		if stride > 1 {
			width = m.width(32)
			x = m.norm(m.conv(y, width, 1, 1))
			continue
		}
		x = m.Op("Add", nil, x, m.norm(m.conv(y, width, 1, 1)))
	}
	m.classify(m.convNormRelu(x, m.width(128), 1, 1), 10)
}

// encoderDecoder has skips from an encoder to a decoder of the same resolution.
func encoderDecoder(m *maker) {
	a := m.convNormRelu(m.image(3, 32), m.width(16), 3, 1)
	b := m.convNormRelu(m.maxPool(a), m.width(32), 3, 1)
	c := m.convNormRelu(m.maxPool(b), m.width(64), 3, 1)
	up := func(x, skip *graph.Value, out int) *graph.Value {
		x = m.Op("ConvTranspose", graph.Attrs{"strides": []int64{2, 2}}, x, m.zeros(x.Shape[1].Size, out, 2, 2))
		return m.convNormRelu(m.Op("Concat", graph.Attrs{"axis": int64(1)}, x, skip), out, 3, 1)
	}
	x := up(up(c, b, m.width(32)), a, m.width(16))
	m.Output(m.conv(x, 2, 1, 1))
}

// perceptron has as many hidden layers as given.
func perceptron(hidden int) func(m *maker) {
	return func(m *maker) {
		x := m.Input("x", graph.Float32, graph.Shape{graph.Sym("batch"), graph.D(64)})
		for range hidden {
			width := m.width(64)
			x = m.relu(m.Op("Add", nil, m.Op("MatMul", nil, x, m.zeros(x.Shape[1].Size, width)), m.zeros(width)))
		}
		m.Output(m.Op("MatMul", nil, x, m.zeros(x.Shape[1].Size, 10)))
	}
}

// channelsLast is how TensorFlow's models are exported: data have the channels last, but for the convolutions.
func channelsLast(m *maker) {
	x := m.Input("x", graph.Float32, graph.Shape{graph.Sym("batch"), graph.D(16), graph.D(24), graph.D(3)})
	for _, width := range []int{16, 16, 32} {
		x = m.conv(m.Op("Transpose", graph.Attrs{"perm": []int64{0, 3, 1, 2}}, x), m.width(width), 3, 2)
		x = m.relu(m.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 3, 1}}, x))
	}
	v := m.Op("Flatten", nil, x)
	m.Output(m.Op("Gemm", nil, v, m.zeros(v.Shape[1].Size, 10)))
}

// nets are teachers by name.
var nets = []struct {
	name string
	make func(m *maker)
}{
	{"plain", plain},
	{"residual", residual(2, 2, 2)},
	{"bottlenecks", bottlenecks},
	{"preActivation", preActivation},
	{"inception", inception},
	{"dense", dense},
	{"inverted", inverted},
	{"encoderDecoder", encoderDecoder},
	{"perceptron", perceptron(4)},
	{"channelsLast", channelsLast},
}

// disguise copies a graph with its nodes in another topological order, operands of sums swapped, and everything
// renamed. The map leads from the new names of values to the old ones.
func disguise(g *graph.Graph, random *rand.Rand) (*graph.Graph, map[string]string) {
	g, _ = g.Clone()
	old := map[string]string{}
	values := g.Values()
	for i, k := range random.Perm(len(values)) {
		name := fmt.Sprintf("v%d", k)
		old[name] = values[i].Name
		values[i].Name = name
	}
	done := map[*graph.Value]bool{}
	for _, v := range slices.Concat(g.Inputs, g.Initializers) {
		done[v] = true
	}
	rest := slices.Clone(g.Nodes)
	g.Nodes = nil
	for len(rest) > 0 {
		var ready []int
		for i, n := range rest {
			if !slices.ContainsFunc(n.Reads(), func(v *graph.Value) bool { return !done[v] }) {
				ready = append(ready, i)
			}
		}
		i := ready[random.IntN(len(ready))]
		n := rest[i]
		rest = slices.Delete(rest, i, i+1)
		n.Name = fmt.Sprintf("n%d", len(rest))
		if n.Op == "Add" && random.IntN(2) == 0 {
			slices.Reverse(n.Inputs)
		}
		for _, v := range n.Outputs {
			done[v] = true
		}
		g.Nodes = append(g.Nodes, n)
	}
	return g, old
}

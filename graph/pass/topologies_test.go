package pass_test

import (
	"github.com/ildc/ildc/graph"
)

// topologies are the traps that channel groups must survive. groups lists each as its first producer and its number of
// channels.
var topologies = []struct {
	name   string
	build  func(m *model)
	groups string
	fixed  string // the nodes that are left alone
}{
	{"plain chain", func(m *model) {
		m.head(m.relu(m.conv(m.relu(m.conv(m.image(3), 8)), 6)))
	}, "Conv 8, Conv_1 6", "Gemm"},
	{"batch norm", func(m *model) {
		m.head(m.relu(m.norm(m.conv(m.relu(m.norm(m.conv(m.image(3), 8))), 6))))
	}, "Conv 8, Conv_1 6", "Gemm"},
	{"residual add", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		x = m.relu(m.Op("Add", nil, x, m.conv(m.relu(m.conv(x, 6)), 8)))
		m.head(m.relu(m.Op("Add", nil, x, m.conv(m.relu(m.conv(x, 4)), 8))))
	}, "Conv 8, Conv_1 6, Conv_3 4", "Gemm"},
	{"single convolution beside a skip", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		m.head(m.relu(m.Op("Add", nil, x, m.conv(x, 8))))
	}, "Conv 8", "Gemm"},
	{"residual add of the input", func(m *model) {
		x := m.image(4)
		m.head(m.Op("Add", nil, x, m.conv(m.relu(m.conv(x, 6)), 4)))
	}, "Conv 6", "Conv_1 Gemm"},
	{"concat", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		m.head(m.conv(m.Op("Concat", graph.Attrs{"axis": int64(1)}, m.relu(m.conv(x, 6)), x, m.relu(m.conv(x, 4))), 8))
	}, "Conv 8, Conv_1 6, Conv_2 4, Conv_3 8", "Gemm"},
	{"depthwise", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		x = m.Op("Conv", graph.Attrs{"group": int64(8)}, x, m.weight("w", 8, 1, 3, 3), m.weight("b", 8))
		m.head(m.conv(m.relu(x), 6))
	}, "Conv 8, Conv_2 6", "Gemm"},
	{"depthwise with a multiplier", func(m *model) {
		x := m.relu(m.conv(m.image(3), 4))
		x = m.Op("Conv", graph.Attrs{"group": int64(4)}, x, m.weight("w", 8, 1, 3, 3), m.weight("b", 8))
		m.head(m.relu(x))
	}, "Conv 4", "Gemm"},
	{"grouped convolution", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		x = m.Op("Conv", graph.Attrs{"group": int64(2)}, x, m.weight("w", 6, 4, 3, 3), m.weight("b", 6))
		m.head(m.relu(x))
	}, "Conv 4, Conv_1 3", "Gemm"},
	{"transposed convolution", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		m.head(m.relu(m.Op("ConvTranspose", nil, x, m.weight("w", 8, 6, 3, 3), m.weight("b", 6))))
	}, "Conv 8, ConvTranspose 6", "Gemm"},
	{"flatten with spatial extent", func(m *model) {
		m.Output(m.gemm(m.relu(m.gemm(m.Op("Flatten", nil, m.relu(m.conv(m.image(3), 8))), 6)), 3))
	}, "Conv 8, Gemm 6", "Gemm_1"},
	{"fixed-batch reshape", func(m *model) {
		m.Output(m.gemm(m.relu(m.gemm(m.reshape(m.relu(m.conv(m.image(3), 8)), 1, 128), 6)), 3))
	}, "Conv 8, Gemm 6", "Gemm_1"},
	{"a shape constant that two reshapes share", func(m *model) {
		x, to := m.image(3), m.Const("to", graph.Ints(1, 128))
		a := m.Op("Reshape", nil, m.relu(m.conv(x, 8)), to)
		b := m.Op("Reshape", nil, m.relu(m.conv(x, 8)), to)
		m.Output(m.Op("Add", nil, m.gemm(a, 3), m.gemm(b, 3)))
	}, "Conv 8, Conv_1 8", "Gemm Gemm_1"},
	{"weight reshaped", func(m *model) { // as CNTK exports
		x := m.reshape(m.Op("MaxPool", graph.Attrs{"kernel_shape": []int64{2, 2}}, m.relu(m.conv(m.image(3), 8))), 1, 72)
		m.Output(m.Op("Add", nil, m.Op("MatMul", nil, x, m.reshape(m.weight("p", 8, 3, 3, 5), 72, 5)), m.weight("b", 1, 5)))
	}, "Conv 8", "MatMul"},
	{"shape that the model computes", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		rows := m.Op("Unsqueeze", nil, m.Op("Gather", nil, m.Op("Shape", nil, x),
			m.Const("i", graph.Scalar(graph.Int64, 0))), m.Ints(0))
		to := m.Op("Concat", graph.Attrs{"axis": int64(0)}, rows, m.Const("rest", graph.Ints(128)))
		m.Output(m.gemm(m.Op("Reshape", nil, x, to), 3))
	}, "Conv 8", "Gemm"},
	{"tied weights", func(m *model) {
		x, w, b := m.relu(m.conv(m.image(3), 8)), m.weight("w", 8, 8, 3, 3), m.weight("b", 8)
		pads := graph.Attrs{"pads": []int64{1, 1, 1, 1}}
		x = m.relu(m.Op("Conv", pads, x, w, b))
		m.head(m.relu(m.Op("Conv", pads, x, w, b)))
	}, "Conv 8", "Gemm"},
	// an autoencoder of the features; the transpose is folded apart from it
	{"weight tied with its transpose", func(m *model) {
		x := m.relu(m.gemm(m.Input("x", graph.Float32, graph.Dims(1, 4)), 8))
		w := m.weight("w", 8, 6)
		x = m.relu(m.Op("MatMul", nil, x, w))
		m.Output(m.gemm(m.relu(m.Op("MatMul", nil, x, m.transpose(w, 1, 0))), 3))
	}, "Gemm 8, MatMul 6, MatMul_1 8", "Gemm_1"},
	{"one bias for two layers", func(m *model) {
		b := m.weight("b", 8)
		x := m.relu(m.Op("Conv", nil, m.image(3), m.weight("w", 8, 3, 1, 1), b))
		m.head(m.relu(m.Op("Conv", nil, x, m.weight("w", 8, 8, 1, 1), b)))
	}, "Conv 8", "Gemm"},
	{"channel shuffle", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		x = m.reshape(m.transpose(m.reshape(x, 1, 2, 4, 4, 4), 0, 2, 1, 3, 4), 1, 8, 4, 4)
		m.head(m.relu(m.conv(x, 6)))
	}, "Conv 4, Conv_1 6", "Gemm"},
	{"shuffle between grouped convolutions", func(m *model) {
		x := m.relu(m.Op("Conv", graph.Attrs{"group": int64(2)}, m.conv(m.image(3), 8), m.weight("w", 8, 4, 1, 1)))
		x = m.reshape(m.transpose(m.reshape(x, 1, 2, 4, 4, 4), 0, 2, 1, 3, 4), 1, 8, 4, 4)
		m.head(m.relu(m.Op("Conv", graph.Attrs{"group": int64(2)}, x, m.weight("w", 6, 4, 1, 1))))
	}, "Conv 4, Conv_1 2, Conv_2 3", "Gemm"},
	{"squeeze and excitation", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		s := m.Op("GlobalAveragePool", nil, x)
		s = m.relu(m.Op("Conv", nil, s, m.weight("w", 4, 8, 1, 1), m.weight("b", 4)))
		s = m.Op("Sigmoid", nil, m.Op("Conv", nil, s, m.weight("w", 8, 4, 1, 1), m.weight("b", 8)))
		m.head(m.Op("Mul", nil, x, s))
	}, "Conv 8, Conv_1 4", "Gemm"},
	{"constants along channels", func(m *model) {
		x := m.Op("Mul", nil, m.conv(m.image(3), 8), m.weight("gain", 1, 8, 1, 1))
		x = m.relu(m.Op("Add", nil, x, m.weight("offset", 8, 1, 1)))
		m.head(m.Op("Div", nil, x, m.Const("half", graph.Scalar(graph.Float32, 2))))
	}, "Conv 8", "Gemm"},
	{"pad on channels", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		x = m.Op("Pad", nil, x, m.Ints(0, 1, 0, 0, 0, 2, 0, 0))
		m.head(m.relu(m.conv(x, 6)))
	}, "Conv 8, Conv_1 6", "Gemm"},
	{"slice on channels", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		x = m.Op("Slice", nil, x, m.Ints(2), m.Ints(6), m.Ints(1))
		m.head(m.relu(m.conv(x, 6)))
	}, "Conv_1 6", "Conv Gemm"},
	{"split on channels", func(m *model) {
		parts := m.Ops("Split", 2, graph.Attrs{"axis": int64(1)}, m.relu(m.conv(m.image(3), 8)), m.Ints(3, 5))
		m.head(m.relu(m.Op("Concat", graph.Attrs{"axis": int64(1)}, parts[1], m.relu(m.conv(parts[0], 6)))))
	}, "Conv 3, Conv 5, Conv_1 6", "Gemm"},
	{"split into equal parts", func(m *model) {
		parts := m.Ops("Split", 2, graph.Attrs{"axis": int64(1), "num_outputs": int64(2)}, m.relu(m.conv(m.image(3), 8)))
		m.head(m.relu(m.Op("Concat", graph.Attrs{"axis": int64(1)}, parts[1], m.relu(m.conv(parts[0], 6)))))
	}, "Conv 4, Conv_1 6", "Gemm"},
	{"softmax over channels", func(m *model) {
		x := m.Op("Softmax", graph.Attrs{"axis": int64(1)}, m.conv(m.image(3), 8))
		m.head(m.relu(m.conv(x, 6)))
	}, "Conv_1 6", "Conv Gemm"},
	{"layer norm over channels", func(m *model) {
		x := m.Op("LayerNormalization", nil, m.gemm(m.Input("x", graph.Float32, graph.Dims(2, 4)), 8), m.weight("s", 8),
			m.weight("b", 8))
		m.Output(m.gemm(m.relu(m.gemm(x, 6)), 3))
	}, "Gemm 8 loose, Gemm_1 6", "Gemm_2"},
	{"mean over channels", func(m *model) {
		x := m.relu(m.conv(m.relu(m.conv(m.image(3), 8)), 6))
		m.Output(m.Op("ReduceMean", nil, x, m.Ints(1)))
	}, "Conv 8, Conv_1 6 loose", ""},
	{"product over channels", func(m *model) {
		x := m.relu(m.conv(m.relu(m.conv(m.image(3), 8)), 6))
		m.Output(m.Op("ReduceProd", nil, m.Op("Sigmoid", nil, x), m.Ints(1)))
	}, "Conv 8", "Conv_1"},
	{"queries, keys and values from one product", func(m *model) {
		x := m.reshape(m.Op("MatMul", nil, m.Input("x", graph.Float32, graph.Dims(1, 3, 5)), m.weight("qkv", 5, 24)), 1, 3,
			3, 2, 4)
		parts := m.Ops("Split", 3, graph.Attrs{"axis": int64(0), "num_outputs": int64(3)}, m.transpose(x, 2, 0, 3, 1, 4))
		part := func(i int) *graph.Value { return m.Op("Squeeze", nil, parts[i], m.Ints(0)) }
		a := m.Op("Softmax", nil, m.Op("MatMul", nil, part(0), m.transpose(part(1), 0, 1, 3, 2)))
		y := m.reshape(m.transpose(m.Op("MatMul", nil, a, part(2)), 0, 2, 1, 3), 1, 3, 8)
		m.Output(m.Op("MatMul", nil, y, m.weight("o", 8, 5)))
	}, "MatMul 2", "MatMul_3"},
	{"NHWC sandwich", func(m *model) { // as Keras exports
		x := m.transpose(m.Input("x", graph.Float32, graph.Dims(1, 4, 4, 3)), 0, 3, 1, 2)
		x = m.transpose(m.conv(x, 8), 0, 2, 3, 1)
		x = m.relu(m.Op("Add", nil, x, m.weight("offset", 8)))
		x = m.transpose(m.conv(m.transpose(x, 0, 3, 1, 2), 6), 0, 2, 3, 1)
		m.Output(m.gemm(m.reshape(m.relu(x), 1, -1), 3))
	}, "Conv 8, Conv_1 6", "Gemm"},
	{"weights in constant nodes", func(m *model) {
		constant := func(dims ...int) *graph.Value { return m.Op("Constant", graph.Attrs{"value": m.tensor(dims...)}) }
		x := m.relu(m.Op("Conv", nil, m.image(3), constant(8, 3, 3, 3), constant(8)))
		x = m.Op("Reshape", nil, x, m.Op("Constant", graph.Attrs{"value": graph.Ints(1, 32)}))
		m.Output(m.Op("Gemm", nil, x, constant(32, 3), constant(3)))
	}, "Conv 8", "Gemm"},
	{"attention heads", func(m *model) { // 2 heads of 4, 3 tokens
		x := m.Input("x", graph.Float32, graph.Dims(3, 5))
		heads := func(name string) *graph.Value {
			return m.transpose(m.reshape(m.Op("MatMul", nil, x, m.weight(name, 5, 8)), 3, 2, 4), 1, 0, 2)
		}
		q, k, v := heads("q"), heads("k"), heads("v")
		a := m.Op("Softmax", nil, m.Op("MatMul", nil, q, m.transpose(k, 0, 2, 1)))
		y := m.reshape(m.transpose(m.Op("MatMul", nil, a, v), 1, 0, 2), 3, 8)
		m.Output(m.Op("MatMul", nil, y, m.weight("o", 8, 5)))
	}, "MatMul 2", "MatMul_5"},
	{"U-Net skip", func(m *model) {
		down := m.relu(m.conv(m.image(3), 8))
		low := m.relu(m.conv(m.Op("MaxPool", graph.Attrs{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}, down), 6))
		up := m.Op("Resize", graph.Attrs{"mode": "linear"}, low, nil,
			m.Const("scales", graph.FromFloat32([]int{4}, []float32{1, 1, 2, 2})))
		m.head(m.relu(m.conv(m.Op("Concat", graph.Attrs{"axis": int64(1)}, up, down), 10)))
	}, "Conv 8, Conv_1 6, Conv_2 10", "Gemm"},
	{"upsampling to sizes that state the channels", func(m *model) {
		x := m.Op("Resize", nil, m.relu(m.conv(m.image(3), 8)), nil, nil, m.Ints(1, 8, 8, 8))
		m.head(m.relu(m.conv(x, 6)))
	}, "Conv 8, Conv_1 6", "Gemm"},
	{"instance norm and a slope per channel", func(m *model) {
		x := m.conv(m.image(3), 8)
		n := m.Op("InstanceNormalization", nil, x, m.weight("scale", 8), m.weight("shift", 8))
		m.head(m.Op("PRelu", nil, n, m.weight("slope", 8, 1, 1)))
	}, "Conv 8", "Gemm"},
	{"group norm", func(m *model) {
		n := m.Op("GroupNormalization", graph.Attrs{"num_groups": int64(2)}, m.conv(m.image(3), 8), m.weight("scale", 8),
			m.weight("shift", 8))
		m.head(m.relu(m.conv(m.relu(n), 6)))
	}, "Conv_1 6", "Conv Gemm"},
	{"dense block", func(m *model) {
		x := m.relu(m.conv(m.image(3), 4))
		y := m.relu(m.conv(x, 3))
		xy := m.Op("Concat", graph.Attrs{"axis": int64(1)}, x, y)
		m.head(m.relu(m.conv(m.Op("Concat", graph.Attrs{"axis": int64(1)}, xy, m.relu(m.conv(xy, 5))), 6)))
	}, "Conv 4, Conv_1 3, Conv_2 5, Conv_3 6", "Gemm"},
	{"inverted bottleneck", func(m *model) {
		x := m.norm(m.conv(m.image(3), 4))
		wide := m.Op("HardSwish", nil, m.norm(m.conv(x, 12)))
		deep := m.Op("Conv", graph.Attrs{"group": int64(12), "pads": []int64{1, 1, 1, 1}}, wide, m.weight("w", 12, 1, 3, 3))
		m.head(m.Op("Add", nil, x, m.conv(m.relu(m.norm(deep)), 4)))
	}, "Conv 4, Conv_1 12", "Gemm"},
	{"pixels from blocks of channels", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		m.Output(m.Op("DepthToSpace", graph.Attrs{"blocksize": int64(2)}, m.conv(x, 12)))
	}, "Conv 8", "Conv_1"},
	{"attention in einsums, whose weights have heads as an axis", func(m *model) {
		x := m.Input("x", graph.Float32, graph.Dims(1, 3, 5))
		einsum := func(equation string, in ...*graph.Value) *graph.Value {
			return m.Op("Einsum", graph.Attrs{"equation": equation}, in...)
		}
		heads := func(name string) *graph.Value { return einsum("bte,ehd->bthd", x, m.weight(name, 5, 2, 4)) }
		a := m.Op("Softmax", nil, einsum("bqhd,bkhd->bhqk", heads("q"), heads("k")))
		m.Output(einsum("bthd,hde->bte", einsum("bhqk,bkhd->bqhd", a, heads("v")), m.weight("o", 2, 4, 5)))
	}, "", "Einsum Einsum_1 Einsum_3 Einsum_5"},
	{"several inputs and outputs", func(m *model) {
		x := m.gemm(m.Input("a", graph.Float32, graph.Dims(2, 4)), 6)
		y := m.gemm(m.Input("b", graph.Float32, graph.Dims(2, 3)), 6)
		sum := m.relu(m.Op("Add", nil, x, y))
		m.Output(m.gemm(sum, 2))
		m.Output(m.Op("Sigmoid", nil, m.gemm(m.relu(m.gemm(sum, 5)), 3)))
	}, "Gemm 6, Gemm_3 5", "Gemm_2 Gemm_4"},
	{"LSTM", func(m *model) {
		x := m.Op("LSTM", graph.Attrs{"hidden_size": int64(4)}, m.Input("x", graph.Float32, graph.Dims(3, 2, 5)),
			m.weight("w", 1, 16, 5), m.weight("r", 1, 16, 4), m.weight("b", 1, 32))
		m.Output(m.gemm(m.reshape(x, 6, 4), 3))
	}, "LSTM 4", "Gemm"},
	{"model output in the middle", func(m *model) {
		x := m.relu(m.conv(m.image(3), 8))
		m.Output(x)
		m.head(m.relu(m.conv(x, 6)))
	}, "Conv_1 6", "Conv Gemm"},
}

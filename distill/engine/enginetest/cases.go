package enginetest

import (
	"fmt"
	"math"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

type a = graph.Attrs

// cases covers every op of the op table.
func cases() []opCase {
	var all []opCase
	all = append(all, convCases()...)
	all = append(all, poolCases()...)
	all = append(all, linearCases()...)
	all = append(all, elementwiseCases()...)
	all = append(all, normCases()...)
	all = append(all, movementCases()...)
	return all
}

// convCases gives each convolution forward, transposed, and as its two gradients.
func convCases() (all []opCase) {
	for _, c := range []struct {
		name    string
		x, w, y []int
		attrs   a
	}{
		{"3x3", []int{2, 3, 8, 8}, []int{5, 3, 3, 3}, []int{2, 5, 8, 8}, a{"pads": ints(1, 1, 1, 1)}},
		{"3x3 wide", []int{3, 16, 16, 16}, []int{16, 16, 3, 3}, []int{3, 16, 16, 16}, a{"pads": ints(1, 1, 1, 1)}},
		{"1x1", []int{2, 6, 5, 5}, []int{8, 6, 1, 1}, []int{2, 8, 5, 5}, a{}},
		{"stride", []int{2, 4, 9, 8}, []int{6, 4, 3, 3}, []int{2, 6, 5, 4},
			a{"pads": ints(1, 1, 1, 1), "strides": ints(2, 2)}},
		{"1x1 stride", []int{2, 4, 8, 8}, []int{6, 4, 1, 1}, []int{2, 6, 4, 4}, a{"strides": ints(2, 2)}},
		{"dilated, asymmetric", []int{1, 2, 11, 10}, []int{3, 2, 3, 2}, []int{1, 3, 4, 8},
			a{"pads": ints(0, 1, 1, 0), "strides": ints(2, 1), "dilations": ints(2, 3)}},
		{"grouped", []int{2, 8, 6, 6}, []int{12, 2, 3, 3}, []int{2, 12, 6, 6},
			a{"pads": ints(1, 1, 1, 1), "group": int64(4)}},
		{"depthwise", []int{2, 5, 7, 7}, []int{5, 1, 3, 3}, []int{2, 5, 4, 4},
			a{"pads": ints(1, 1, 1, 1), "strides": ints(2, 2), "group": int64(5)}},
		{"depthwise, many channels", []int{8, 4, 9, 7}, []int{4, 1, 3, 3}, []int{8, 4, 9, 7},
			a{"pads": ints(1, 1, 1, 1), "group": int64(4)}},
		{"depthwise, many channels, stride", []int{4, 8, 10, 9}, []int{8, 1, 5, 3}, []int{4, 8, 5, 5},
			a{"pads": ints(2, 1, 2, 1), "strides": ints(2, 2), "group": int64(8)}},
		{"depthwise, many channels, dilated, asymmetric", []int{4, 4, 11, 10}, []int{4, 1, 3, 2}, []int{4, 4, 4, 9},
			a{"pads": ints(0, 1, 1, 0), "strides": ints(2, 1), "dilations": ints(2, 2), "group": int64(4)}},
		{"wide", []int{2, 5, 33, 34}, []int{6, 5, 3, 3}, []int{2, 6, 33, 34}, a{"pads": ints(1, 1, 1, 1)}},
		{"wide, stride", []int{2, 4, 32, 36}, []int{20, 4, 5, 3}, []int{2, 20, 16, 18},
			a{"pads": ints(2, 1, 2, 1), "strides": ints(2, 2)}},
		{"many channels", []int{3, 18, 6, 5}, []int{17, 18, 3, 3}, []int{3, 17, 6, 5}, a{"pads": ints(1, 1, 1, 1)}},
		{"many channels, stride", []int{16, 16, 8, 10}, []int{32, 16, 3, 3}, []int{16, 32, 4, 5},
			a{"pads": ints(1, 1, 1, 1), "strides": ints(2, 2)}},
		{"many channels, 1x1", []int{16, 16, 4, 5}, []int{18, 16, 1, 1}, []int{16, 18, 4, 5}, a{}},
		{"many channels, 1x1 stride", []int{16, 16, 8, 6}, []int{16, 16, 1, 1}, []int{16, 16, 4, 3},
			a{"strides": ints(2, 2)}},
		{"many channels, strides, asymmetric", []int{16, 17, 9, 12}, []int{16, 17, 5, 2}, []int{16, 16, 3, 6},
			a{"pads": ints(2, 0, 1, 0), "strides": ints(3, 2)}},
		{"one axis, wide", []int{2, 3, 40}, []int{4, 3, 3}, []int{2, 4, 40}, a{"pads": ints(1, 1)}},
		{"one axis", []int{2, 3, 20}, []int{4, 3, 5}, []int{2, 4, 10}, a{"pads": ints(2, 2), "strides": ints(2)}},
		{"three axes", []int{1, 2, 4, 4, 4}, []int{3, 2, 2, 2, 2}, []int{1, 3, 3, 3, 3}, a{}},
	} {
		all = append(all,
			opCase{"Conv " + c.name, "Conv", c.attrs, list(normal(c.x...), normal(c.w...)), 1},
			opCase{"Conv with bias " + c.name, "Conv", c.attrs, list(normal(c.x...), normal(c.w...), normal(c.w[0])), 1},
			opCase{"FusedConv " + c.name, "ildc.FusedConv", withAttr(c.attrs, "min", float32(-1)),
				list(normal(c.x...), normal(c.w...), normal(c.w[0]), normal(c.y...)), 1},
			opCase{"FusedConv without a bias " + c.name, "ildc.FusedConv", withAttr(c.attrs, "max", float32(2)),
				list(normal(c.x...), normal(c.w...), nil, normal(c.y...)), 1},
			opCase{"ConvGradInput " + c.name, "ildc.ConvGradInput", withAttr(c.attrs, "shape", int64s(c.x)),
				list(normal(c.y...), normal(c.w...)), 1},
			opCase{"FusedConvGradInput " + c.name, "ildc.FusedConvGradInput", withAttr(c.attrs, "shape", int64s(c.x)),
				list(normal(c.y...), normal(c.w...), normal(c.x...)), 1},
			opCase{"ConvGradWeight " + c.name, "ildc.ConvGradWeight", withAttr(c.attrs, "shape", int64s(c.w)),
				list(normal(c.y...), normal(c.x...)), 1},
			opCase{"ConvTranspose " + c.name, "ConvTranspose", c.attrs, list(normal(c.y...), normal(c.w...)), 1},
		)
	}
	return append(all,
		opCase{"Conv auto_pad", "Conv", a{"auto_pad": "SAME_LOWER"}, list(normal(1, 2, 5, 6), normal(3, 2, 2, 4)), 1},
		opCase{"ConvTranspose output_padding, bias", "ConvTranspose",
			a{"strides": ints(2, 2), "output_padding": ints(1, 0), "pads": ints(1, 1, 1, 1)},
			list(normal(2, 3, 4, 5), normal(3, 2, 3, 3), normal(2)), 1},
	)
}

func poolCases() (all []opCase) {
	for _, c := range []struct {
		name  string
		x, y  []int
		attrs a
	}{
		{"2x2", []int{2, 3, 8, 8}, []int{2, 3, 4, 4}, a{"kernel_shape": ints(2, 2), "strides": ints(2, 2)}},
		{"overlapping, padded", []int{2, 3, 9, 7}, []int{2, 3, 5, 4},
			a{"kernel_shape": ints(3, 3), "strides": ints(2, 2), "pads": ints(1, 1, 1, 1)}},
		{"asymmetric", []int{1, 2, 6, 6}, []int{1, 2, 5, 7}, a{"kernel_shape": ints(3, 2), "pads": ints(0, 1, 1, 1)}},
		{"ceil", []int{1, 2, 6, 6}, []int{1, 2, 3, 3},
			a{"kernel_shape": ints(3, 3), "strides": ints(2, 2), "ceil_mode": int64(1)}},
		{"one axis", []int{2, 2, 12}, []int{2, 2, 4}, a{"kernel_shape": ints(3), "strides": ints(3)}},
		{"three axes", []int{1, 2, 4, 4, 4}, []int{1, 2, 2, 2, 2},
			a{"kernel_shape": ints(2, 2, 2), "strides": ints(2, 2, 2)}},
	} {
		counted := withAttr(c.attrs, "count_include_pad", int64(1))
		all = append(all,
			opCase{"MaxPool " + c.name, "MaxPool", c.attrs, list(normal(c.x...)), 1},
			opCase{"MaxPool with indices " + c.name, "MaxPool", c.attrs, list(tied(c.x...)), 2},
			opCase{"MaxPoolGrad, ties, " + c.name, "ildc.MaxPoolGrad", c.attrs, list(normal(c.y...), tied(c.x...)), 1},
			opCase{"AveragePool " + c.name, "AveragePool", c.attrs, list(normal(c.x...)), 1},
			opCase{"AveragePool pads counted " + c.name, "AveragePool", counted, list(normal(c.x...)), 1},
			opCase{"AveragePoolGrad " + c.name, "ildc.AveragePoolGrad", withAttr(c.attrs, "shape", int64s(c.x)),
				list(normal(c.y...)), 1},
			opCase{"AveragePoolGrad pads counted " + c.name, "ildc.AveragePoolGrad", withAttr(counted, "shape", int64s(c.x)),
				list(normal(c.y...)), 1},
		)
	}
	for _, op := range []string{"GlobalMaxPool", "GlobalAveragePool"} {
		all = append(all, opCase{op, op, nil, list(normal(2, 3, 5, 4)), 1},
			opCase{op + " one axis", op, nil, list(normal(2, 3, 7)), 1})
	}
	return all
}

func linearCases() (all []opCase) {
	for _, c := range [][2][]int{
		{{3, 4}, {4, 5}}, {{2, 3, 4}, {4, 5}}, {{2, 3, 4}, {2, 4, 5}}, {{2, 1, 3, 4}, {3, 4, 5}}, {{3, 4}, {2, 4, 5}},
		{{4}, {4, 5}}, {{3, 4}, {4}}, {{4}, {4}}, {{2, 3, 4}, {4}}, {{70, 300}, {300, 33}},
	} {
		all = append(all, opCase{fmt.Sprint("MatMul ", c), "MatMul", nil, list(normal(c[0]...), normal(c[1]...)), 1})
	}
	for _, c := range []struct {
		name  string
		attrs a
		in    []*graph.Tensor
	}{
		{"plain", nil, list(normal(3, 4), normal(4, 5))},
		{"bias", nil, list(normal(3, 4), normal(4, 5), normal(5))},
		{"scalar bias", nil, list(normal(3, 4), normal(4, 5), scalar(2))},
		{"column bias", a{"beta": float32(0.5)}, list(normal(3, 4), normal(4, 5), normal(3, 1))},
		{"transposed", a{"transA": int64(1), "transB": int64(1), "alpha": float32(0.25)},
			list(normal(4, 3), normal(5, 4), normal(3, 5))},
		{"weights by rows", a{"transB": int64(1)}, list(normal(65, 300), normal(18, 300), normal(18))},
		{"weight gradient", a{"transA": int64(1)}, list(normal(65, 30), normal(65, 18))},
	} {
		all = append(all, opCase{"Gemm " + c.name, "Gemm", c.attrs, c.in, 1})
	}
	return all
}

func elementwiseCases() (all []opCase) {
	shapes := []struct {
		name string
		a, b []int
	}{
		{"same shape", []int{2, 3, 4, 5}, []int{2, 3, 4, 5}}, {"scalar", []int{2, 3, 4}, nil},
		{"scalar left", nil, []int{2, 3, 4}},
		{"channel", []int{2, 3, 4, 5}, []int{1, 3, 1, 1}}, {"channel of lower rank", []int{3, 1, 1}, []int{2, 3, 4, 5}},
		{"row", []int{6, 5}, []int{6, 1}}, {"both ways", []int{6, 1}, []int{5}}, {"large", []int{40, 1000}, []int{40, 1000}},
		{"scalars", nil, nil},
	}
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Equal", "Less",
		"LessOrEqual", "Greater", "GreaterOrEqual"} {
		for _, s := range shapes {
			x, y := normal(s.a...), normal(s.b...)
			switch op {
			case "Div", "Pow":
				x, y = positive(s.a...), positive(s.b...)
			case "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Max", "Min":
				x, y = tied(s.a...), tied(s.b...)
			}
			all = append(all, opCase{op + " " + s.name, op, nil, list(x, y), 1})
		}
	}
	for _, op := range []string{"Max", "Min", "Sum", "Mean"} {
		all = append(all, opCase{op + " of one", op, nil, list(normal(3, 4)), 1},
			opCase{op + " of three", op, nil, list(normal(4), tied(3, 1), normal(2, 3, 4)), 1})
	}
	for _, op := range []string{"Add", "Mul", "Equal"} {
		all = append(all, opCase{op + " of integers", op, nil, list(graph.Ints(1, 2, 3), graph.Ints(3, 2, 1)), 1})
	}
	for _, op := range []string{"And", "Or", "Xor"} {
		all = append(all, opCase{op, op, nil, list(flags(3, 4), flags(4)), 1},
			opCase{op + " same shape", op, nil, list(flags(3, 4), flags(4, 3)), 1})
		all[len(all)-1].in[1] = all[len(all)-1].in[1].Reshaped(3, 4)
	}
	for _, in := range [][]*graph.Tensor{
		list(flags(2, 3, 4), normal(2, 3, 4), tied(2, 3, 4)), list(flags(2, 3, 4), normal(2, 3, 4), scalar(0)),
		list(flags(3, 1), scalar(1), normal(2, 3, 4)),
		list(flags(40, 50), normal(40, 50), scalar(0)), list(flags(4), graph.Ints(1, 2, 3, 4), graph.Ints(0)),
	} {
		all = append(all, opCase{fmt.Sprintf("Where %v %v %v", in[0].Dims, in[1], in[2]), "Where", nil, in, 1})
	}
	all = append(all, opCase{"MaskGrad", "ildc.MaskGrad", nil, list(normal(4, 6), flags(4, 6)), 1})
	edges := graph.FromFloat32([]int{2, 5}, []float32{-2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, -2.5})
	for _, s := range op.All() { // outside of a function's domain, too: both give no number there
		if s.Scalar != nil && s.Type != "Not" {
			all = append(all, opCase{s.Type, s.Type, nil, list(normal(3, 7, 50)), 1},
				opCase{s.Type + " edges", s.Type, nil, list(edges), 1},
				opCase{s.Type + " above 0", s.Type, nil, list(positive(3, 7, 50)), 1})
		}
	}
	for _, op := range []string{"Identity", "IsNaN", "IsInf"} {
		all = append(all, opCase{op, op, nil, list(edges), 1})
	}
	return append(all,
		opCase{"IsInf of one sign", "IsInf", a{"detect_negative": int64(0)},
			list(graph.FromFloat32([]int{3}, []float32{float32(math.Inf(1)), float32(math.Inf(-1)), 1})), 1},
		opCase{"LeakyRelu alpha", "LeakyRelu", a{"alpha": float32(0.3)}, list(edges), 1},
		opCase{"Gelu by tanh", "Gelu", a{"approximate": "tanh"}, list(edges), 1},
		opCase{"PRelu", "PRelu", nil, list(normal(2, 3, 4, 5), normal(3, 1, 1)), 1},
		opCase{"Not", "Not", nil, list(flags(3, 4)), 1},
		opCase{"Clip", "Clip", nil, list(edges, scalar(-1), scalar(2)), 1},
		opCase{"Clip below", "Clip", nil, list(edges, scalar(-1)), 1},
		opCase{"Clip above", "Clip", nil, list(edges, nil, scalar(1)), 1},
		opCase{"ClampGrad", "ildc.ClampGrad", a{"min": float32(0)}, list(normal(3, 4, 7), tied(3, 4, 7)), 1},
		opCase{"ClampGrad between bounds", "ildc.ClampGrad", a{"min": float32(-1), "max": float32(2)},
			list(normal(3, 4, 7), tied(3, 4, 7)), 1},
		opCase{"Dropout", "Dropout", nil, list(normal(3, 4)), 1},
		opCase{"Dropout with mask", "Dropout", nil, list(normal(3, 4)), 2},
		opCase{"Cast of bool", "Cast", a{"to": int64(graph.Float32)}, list(flags(3, 4)), 1},
		opCase{"Cast of float32", "Cast", a{"to": int64(graph.Float32)}, list(normal(3, 4)), 1},
		opCase{"Cast to bool", "Cast", a{"to": int64(graph.Bool)}, list(tied(3, 4)), 1},
		opCase{"Cast to int64", "Cast", a{"to": int64(graph.Int64)}, list(edges), 1},
		opCase{"Cast of int64", "Cast", a{"to": int64(graph.Float32)}, list(graph.Ints(1, -2, 3)), 1},
	)
}

func normCases() (all []opCase) {
	for _, x := range [][]int{{4, 3, 5, 5}, {16, 5}, {2, 3, 9}, {8, 4, 16, 16}} {
		c := x[1]
		params := func() []*graph.Tensor { return list(normal(x...), normal(c), normal(c), normal(c), positive(c)) }
		all = append(all,
			opCase{fmt.Sprint("BatchNormalization ", x), "BatchNormalization", a{"epsilon": float32(1e-3)}, params(), 1},
			opCase{fmt.Sprint("BatchNormTrain ", x), "ildc.BatchNormTrain",
				a{"epsilon": float32(1e-3), "momentum": float32(0.8)}, params(), 5},
			opCase{fmt.Sprint("FusedBatchNormTrain ", x), "ildc.FusedBatchNormTrain", a{"min": float32(0)},
				append(params(), normal(x...)), 5},
			opCase{fmt.Sprint("FusedBatchNormTrain between bounds ", x), "ildc.FusedBatchNormTrain",
				a{"min": float32(-0.5), "max": float32(0.5)}, params(), 5},
			opCase{fmt.Sprint("FusedBatchNormGrad ", x), "ildc.FusedBatchNormGrad", a{"min": float32(0)},
				list(normal(x...), normal(x...), normal(c), normal(c), positive(c), normal(x...)), 4},
			opCase{fmt.Sprint("FusedBatchNormGrad between bounds ", x), "ildc.FusedBatchNormGrad",
				a{"min": float32(-1), "max": float32(1)},
				list(normal(x...), normal(x...), normal(c), normal(c), positive(c), normal(x...)), 3},
			opCase{fmt.Sprint("BatchNormTrain alone ", x), "ildc.BatchNormTrain", nil, params(), 1},
			opCase{fmt.Sprint("BatchNormGrad ", x), "ildc.BatchNormGrad", nil,
				list(normal(x...), normal(x...), normal(c), normal(c), positive(c)), 3},
			opCase{fmt.Sprint("BatchNormGrad alone ", x), "ildc.BatchNormGrad", nil,
				list(normal(x...), normal(x...), normal(c), normal(c), positive(c)), 1},
		)
	}
	for _, op := range []string{"Softmax", "LogSoftmax"} {
		for axis := range int64(3) {
			all = append(all, opCase{fmt.Sprint(op, " axis ", axis), op, a{"axis": axis}, list(normal(3, 4, 5)), 1})
		}
		all = append(all, opCase{op + " large logits", op, nil,
			list(graph.FromFloat32([]int{2, 3}, []float32{1000, 999, -1000, 0, -80, 80})), 1})
	}
	for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1",
		"ReduceL2", "ReduceProd", "ReduceLogSumExp"} {
		for _, axes := range [][]int64{{0}, {1}, {-1}, {0, 2, 3}, {2, 3}, {0, 1, 2, 3}, {1, 2}} {
			all = append(all, opCase{fmt.Sprint(op, axes), op, a{"keepdims": int64(len(axes) % 2)},
				list(normal(3, 4, 5, 6), graph.Ints(axes...)), 1})
		}
		all = append(all, opCase{op + " of all", op, nil, list(normal(30, 50)), 1},
			opCase{op + " of none", op, a{"noop_with_empty_axes": int64(1)}, list(normal(3, 5)), 1},
			opCase{op + " of a scalar", op, nil, list(scalar(-3)), 1},
			opCase{op + " of ties", op, nil, list(tied(4, 9), graph.Ints(0)), 1})
	}
	return append(all,
		opCase{"ReduceLogSum", "ReduceLogSum", nil, list(positive(3, 4, 5), graph.Ints(1)), 1},
		opCase{"ArgMax", "ArgMax", a{"axis": int64(1)}, list(tied(3, 4, 5)), 1},
		opCase{"ArgMin, the last", "ArgMin", a{"axis": int64(-1), "keepdims": int64(0), "select_last_index": int64(1)},
			list(tied(3, 4, 5)), 1},
		opCase{"LayerNormalization", "LayerNormalization", nil, list(normal(3, 4, 5), normal(5), normal(5)), 1},
		opCase{"LayerNormalization with statistics", "LayerNormalization", nil,
			list(normal(3, 4, 50), normal(50), normal(50)), 3},
		opCase{"LayerNormalization, broadcast", "LayerNormalization", nil, list(normal(3, 4, 5), normal(1), normal(5)), 1},
		opCase{"LayerNormalization over two axes", "LayerNormalization", a{"axis": int64(1)},
			list(normal(3, 4, 5), normal(4, 5)), 1},
	)
}

func movementCases() []opCase {
	x := normal(2, 3, 4, 5)
	return []opCase{
		{"Reshape", "Reshape", nil, list(x, graph.Ints(0, -1, 2)), 1},
		{"Reshape of bools", "Reshape", nil, list(flags(3, 4), graph.Ints(2, 6)), 1},
		{"Reshape to a scalar", "Reshape", nil, list(normal(1), graph.Ints()), 1},
		{"Flatten", "Flatten", a{"axis": int64(2)}, list(x), 1},
		{"Squeeze", "Squeeze", nil, list(normal(1, 3, 1, 4), graph.Ints(0, 2)), 1},
		{"Unsqueeze", "Unsqueeze", nil, list(normal(3, 4), graph.Ints(0, 3)), 1},
		{"Shape", "Shape", nil, list(x), 1},
		{"Size", "Size", nil, list(x), 1},
		{"Constant", "Constant", a{"value": normal(2, 2)}, nil, 1},
		{"ConstantOfShape", "ConstantOfShape", a{"value": graph.FromFloat32([]int{1}, []float32{3})}, list(graph.Ints(2, 3)),
			1},
		{"Transpose", "Transpose", a{"perm": ints(0, 2, 3, 1)}, list(x), 1},
		{"Transpose of a matrix", "Transpose", nil, list(normal(5, 7)), 1},
		{"Transpose of bools", "Transpose", nil, list(flags(3, 4)), 1},
		{"Expand", "Expand", nil, list(normal(2, 1, 4, 1), graph.Ints(2, 3, 1, 5)), 1},
		{"Expand of a scalar", "Expand", nil, list(scalar(2), graph.Ints(3, 4)), 1},
		{"Expand to a higher rank", "Expand", nil, list(normal(3, 1), graph.Ints(2, 3, 4)), 1},
		{"Range down", "Range", nil, list(graph.Scalar(graph.Int64, 7), graph.Scalar(graph.Int64, 0),
			graph.Scalar(graph.Int64, -2)), 1},
		{"OneHot", "OneHot", nil, list(graph.Ints(1, 0, 7), graph.Scalar(graph.Int64, 3), normal(2)), 1},
		{"Concat", "Concat", a{"axis": int64(1)}, list(normal(2, 3, 4), normal(2, 1, 4), normal(2, 5, 4)), 1},
		{"Concat along the last axis", "Concat", a{"axis": int64(-1)}, list(normal(2, 3), normal(2, 4)), 1},
		{"Concat of integers", "Concat", a{"axis": int64(0)}, list(graph.Ints(1, 2), graph.Ints(3)), 1},
		{"Split", "Split", a{"axis": int64(1)}, list(normal(2, 6, 3), graph.Ints(1, 3, 2)), 3},
		{"Split evenly", "Split", a{"axis": int64(-1), "num_outputs": int64(2)}, list(normal(2, 6)), 2},
		{"Slice", "Slice", nil, list(x, graph.Ints(1, -3), graph.Ints(3, 100), graph.Ints(1, 3)), 1},
		{"Slice in steps", "Slice", nil, list(x, graph.Ints(0, 4), graph.Ints(4, -100), graph.Ints(2, -1), graph.Ints(2, -2)),
			1},
		{"Slice of leading axes", "Slice", nil, list(x, graph.Ints(1, 1), graph.Ints(2, 3)), 1},
		{"Pad", "Pad", nil, list(x, graph.Ints(0, 0, 1, 2, 0, 1, 0, 1)), 1},
		{"Pad with a value, some axes", "Pad", nil, list(x, graph.Ints(1, 0, 2, 1), scalar(-7), graph.Ints(3, 1)), 1},
		{"Pad reflecting", "Pad", a{"mode": "reflect"}, list(x, graph.Ints(0, 0, 1, 2, 0, 0, 0, 1)), 1},
		{"Pad cropping", "Pad", nil, list(x, graph.Ints(0, -1, 0, 0, 0, 0, 0, -2)), 1},
		{"Gather", "Gather", a{"axis": int64(1)}, list(normal(2, 5, 3), graph.Ints(4, 0, -1, 4)), 1},
		{"Gather a plane", "Gather", nil, list(normal(4, 3), graph.Scalar(graph.Int64, 2)), 1},
		{"Tile", "Tile", nil, list(normal(2, 3, 4), graph.Ints(2, 1, 3)), 1},
		{"Tile of integers", "Tile", nil, list(graph.Ints(1, 2), graph.Ints(3)), 1},
		{"Range", "Range", nil, list(graph.Scalar(graph.Int64, 3), graph.Scalar(graph.Int64, 11),
			graph.Scalar(graph.Int64, 2)), 1},
		{"ScatterND", "ScatterND", nil, list(normal(4, 5), graph.FromInt64([]int{3, 1}, ints(1, 0, 3)), normal(3, 5)), 1},
		{"GatherElements", "GatherElements", a{"axis": int64(1)},
			list(normal(2, 5), graph.FromInt64([]int{2, 3}, ints(1, 4, -1, 0, 2, 2))), 1},
		{"GatherND", "GatherND", nil, list(normal(4, 3, 2), graph.FromInt64([]int{2, 2}, ints(3, 0, -1, 2))), 1},
		{"GatherND, batch by batch", "GatherND", a{"batch_dims": int64(1)},
			list(normal(2, 3, 2), graph.FromInt64([]int{2, 1}, ints(1, 2))), 1},
		{"TopK", "TopK", a{"axis": int64(1)}, list(tied(3, 6, 2), graph.Ints(4)), 2},
		{"TopK, the smallest", "TopK", a{"axis": int64(-1), "largest": int64(0)}, list(normal(3, 6), graph.Ints(2)), 2},
		{"CumSum", "CumSum", nil, list(normal(3, 4, 5), graph.Scalar(graph.Int64, 1)), 1},
		{"CumSum from the end, exclusive", "CumSum", a{"reverse": int64(1), "exclusive": int64(1)},
			list(normal(3, 4), graph.Scalar(graph.Int64, -1)), 1},
		{"Trilu", "Trilu", nil, list(normal(2, 4, 5)), 1},
		{"Trilu, the lower", "Trilu", a{"upper": int64(0)}, list(normal(2, 4, 5), graph.Scalar(graph.Int64, -1)), 1},
		{"Resize to twice", "Resize", a{"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
			"nearest_mode": "floor"},
			list(normal(2, 3, 4, 5), nil, nil, graph.Ints(2, 3, 8, 10)), 1},
		{"Resize by lines", "Resize", a{"mode": "linear"}, list(normal(2, 3, 4, 5), nil, nil, graph.Ints(2, 3, 7, 3)), 1},
		{"Resize with corners aligned", "Resize", a{"mode": "linear", "coordinate_transformation_mode": "align_corners"},
			list(normal(1, 2, 4, 5), nil, nil, graph.Ints(1, 2, 8, 9)), 1},
		{"Resize by cubics", "Resize", a{"mode": "cubic"}, list(normal(1, 2, 4, 5), nil, nil, graph.Ints(1, 2, 8, 9)), 1},
		{"ScatterElements", "ScatterElements", a{"axis": int64(1)},
			list(normal(2, 5), graph.FromInt64([]int{2, 2}, ints(1, 4, 0, 2)), normal(2, 2)), 1},
		{"ScatterElements adding", "ScatterElements", a{"axis": int64(1), "reduction": "add"},
			list(normal(2, 5), graph.FromInt64([]int{2, 3}, ints(1, 4, 1, 2, 2, 2)), normal(2, 3)), 1},
	}
}

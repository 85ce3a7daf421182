package op_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func kernel(k []int64, more graph.Attrs) graph.Attrs {
	attrs := graph.Attrs{"kernel_shape": k}
	for name, a := range more {
		attrs[name] = a
	}
	return attrs
}

// Examples of the ONNX specification, and windows that reach beyond the padding.
func TestPoolEval(t *testing.T) {
	two, three, five := []int64{2, 2}, []int64{3, 3}, []int64{5, 5}
	pads := []int64{2, 2, 2, 2}
	checkEvals(t, []evalCase{
		{
			"MaxPool, positions", "MaxPool", kernel(five, graph.Attrs{"pads": pads}), []*graph.Tensor{counting(1, 1, 1, 5, 5)},
			[]*graph.Tensor{
				f32([]int{1, 1, 5, 5}, 13, 14, 15, 15, 15, 18, 19, 20, 20, 20, 23, 24, 25, 25, 25, 23, 24, 25, 25, 25, 23, 24, 25,
					25, 25),
				graph.FromInt64([]int{1, 1, 5, 5}, []int64{12, 13, 14, 14, 14, 17, 18, 19, 19, 19, 22, 23, 24, 24, 24, 22, 23, 24,
					24, 24, 22, 23, 24, 24, 24}),
			},
		},
		{
			"MaxPool, ceil_mode", "MaxPool", kernel(three, graph.Attrs{"strides": two, "ceil_mode": int64(1)}),
			[]*graph.Tensor{counting(1, 1, 1, 4, 4)},
			[]*graph.Tensor{f32([]int{1, 1, 2, 2}, 11, 12, 15, 16)},
		},
		{
			"MaxPool, dilations", "MaxPool", kernel(two, graph.Attrs{"dilations": two}),
			[]*graph.Tensor{counting(1, 1, 1, 4, 4)},
			[]*graph.Tensor{f32([]int{1, 1, 2, 2}, 11, 12, 15, 16)},
		},
		{
			"MaxPool, SAME_UPPER", "MaxPool", kernel(three, graph.Attrs{"strides": two, "auto_pad": "SAME_UPPER"}),
			[]*graph.Tensor{counting(1, 1, 1, 5, 5)},
			[]*graph.Tensor{f32([]int{1, 1, 3, 3}, 7, 9, 10, 17, 19, 20, 22, 24, 25)},
		},
		{
			"MaxPool, the first of equals, negative", "MaxPool", kernel([]int64{2}, graph.Attrs{"pads": []int64{1, 1}}),
			[]*graph.Tensor{filled(-1, 1, 2, 2)},
			[]*graph.Tensor{filled(-1, 1, 2, 3), graph.FromInt64([]int{1, 2, 3}, []int64{0, 0, 1, 2, 2, 3})},
		},
		{
			"MaxPool, no window starts in the padding at the end", "MaxPool",
			kernel([]int64{2}, graph.Attrs{"strides": []int64{4}, "pads": []int64{0, 1}, "ceil_mode": int64(1)}),
			[]*graph.Tensor{counting(1, 1, 1, 4)}, []*graph.Tensor{f32([]int{1, 1, 1}, 2)},
		},
		{
			"AveragePool", "AveragePool", kernel(five, graph.Attrs{"pads": pads}), []*graph.Tensor{counting(1, 1, 1, 5, 5)},
			[]*graph.Tensor{f32([]int{1, 1, 5, 5}, 7, 7.5, 8, 8.5, 9, 9.5, 10, 10.5, 11, 11.5, 12, 12.5, 13, 13.5, 14, 14.5, 15,
				15.5, 16, 16.5, 17, 17.5, 18, 18.5, 19)},
		},
		{
			"AveragePool, count_include_pad", "AveragePool", kernel(five,
				graph.Attrs{"pads": pads, "count_include_pad": int64(1)}), []*graph.Tensor{counting(1, 1, 1, 5, 5)},
			[]*graph.Tensor{f32([]int{1, 1, 5, 5}, 2.52, 3.6, 4.8, 4.08, 3.24, 4.56, 6.4, 8.4, 7.04, 5.52, 7.2, 10, 13, 10.8,
				8.4, 6.96, 9.6, 12.4, 10.24, 7.92, 6.12, 8.4, 10.8, 8.88, 6.84)},
		},
		{
			"AveragePool, ceil_mode", "AveragePool", kernel(three, graph.Attrs{"strides": two, "ceil_mode": int64(1)}),
			[]*graph.Tensor{counting(1, 1, 1, 4, 4)},
			[]*graph.Tensor{f32([]int{1, 1, 2, 2}, 6, 7.5, 12, 13.5)},
		},
		{
			"AveragePool, beyond the padding nothing counts", "AveragePool",
			kernel([]int64{3}, graph.Attrs{"strides": []int64{2}, "pads": []int64{1, 1}, "ceil_mode": int64(1),
				"count_include_pad": int64(1)}),
			[]*graph.Tensor{counting(1, 1, 1, 4)}, []*graph.Tensor{f32([]int{1, 1, 3}, 1, 3, 2)},
		},
		{
			"GlobalAveragePool", "GlobalAveragePool", nil, []*graph.Tensor{counting(1, 1, 2, 2, 2)},
			[]*graph.Tensor{f32([]int{1, 2, 1, 1}, 2.5, 6.5)},
		},
		{
			"GlobalMaxPool", "GlobalMaxPool", nil, []*graph.Tensor{counting(1, 1, 2, 3)},
			[]*graph.Tensor{f32([]int{1, 2, 1}, 3, 6)},
		},
	})
}

func TestPoolShape(t *testing.T) {
	n, h := graph.Sym("batch"), graph.Sym("height")
	x := graph.Shape{n, graph.D(3), h, graph.D(8)}
	checkShapes(t, []shapeCase{
		{"symbolic", "MaxPool", kernel([]int64{2, 2}, graph.Attrs{"strides": []int64{2, 2}}), []graph.Shape{x},
			graph.Shape{n, graph.D(3), graph.Unknown, graph.D(4)}, nil},
		{"symbolic kept", "AveragePool", kernel([]int64{3, 3}, graph.Attrs{"auto_pad": "SAME_LOWER"}), []graph.Shape{x}, x,
			nil},
		{"global", "GlobalAveragePool", nil, []graph.Shape{x}, graph.Shape{n, graph.D(3), graph.D(1), graph.D(1)}, nil},
		{"no kernel", "MaxPool", nil, []graph.Shape{x}, nil, op.ErrMalformed},
		{"rank 2", "MaxPool", kernel(nil, nil), []graph.Shape{graph.Dims(1, 2)}, nil, op.ErrMalformed},
		{"kernel 0", "MaxPool", kernel([]int64{0, 1}, nil), []graph.Shape{x}, nil, op.ErrMalformed},
		{"negative padding", "MaxPool", kernel([]int64{1, 1}, graph.Attrs{"pads": []int64{0, 0, -1, 0}}), []graph.Shape{x},
			nil, op.ErrMalformed},
	})
}

func TestPoolGrad(t *testing.T) {
	attrs := map[string]graph.Attrs{
		"disjoint":               kernel([]int64{2, 2}, graph.Attrs{"strides": []int64{2, 2}}),
		"disjoint, padded":       kernel([]int64{2, 3}, graph.Attrs{"strides": []int64{2, 3}, "pads": []int64{1, 1, 0, 1}}),
		"disjoint, ceil_mode":    kernel([]int64{2, 3}, graph.Attrs{"strides": []int64{2, 3}, "ceil_mode": int64(1)}),
		"overlapping":            kernel([]int64{3, 3}, graph.Attrs{"strides": []int64{2, 2}, "pads": []int64{1, 1, 1, 1}}),
		"overlapping, ceil_mode": kernel([]int64{3, 2}, graph.Attrs{"strides": []int64{2, 1}, "ceil_mode": int64(1)}),
		"with gaps":              kernel([]int64{1, 2}, graph.Attrs{"strides": []int64{2, 3}}),
		"dilated":                kernel([]int64{2, 2}, graph.Attrs{"dilations": []int64{2, 1}, "pads": []int64{0, 1, 1, 0}}),
		"SAME_UPPER":             kernel([]int64{3, 2}, graph.Attrs{"strides": []int64{2, 2}, "auto_pad": "SAME_UPPER"}),
		"one window":             kernel([]int64{3, 3}, nil),
		"count_include_pad": kernel([]int64{2, 2},
			graph.Attrs{"pads": []int64{1, 0, 1, 1}, "count_include_pad": int64(1)}),
		"disjoint, count, ceiling": kernel([]int64{2, 2}, graph.Attrs{"strides": []int64{2, 2}, "pads": []int64{1, 0, 1, 1},
			"count_include_pad": int64(1), "ceil_mode": int64(1)}),
		"overlapping, count, upper": kernel([]int64{3, 3}, graph.Attrs{"strides": []int64{2, 2}, "auto_pad": "SAME_UPPER",
			"count_include_pad": int64(1)}),
	}
	var cases []gradCase
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		a := attrs[name]
		for _, pool := range []string{"MaxPool", "AveragePool"} {
			if a["count_include_pad"] != nil && pool == "MaxPool" {
				continue
			}
			cases = append(cases, gradCase{name: pool + ", " + name, op: pool, attrs: a,
				in: []*graph.Tensor{random(1, 2, 2, 5, 4)}})
		}
	}
	checkGrads(t, append(cases,
		gradCase{name: "1-D", op: "MaxPool", attrs: kernel([]int64{2}, graph.Attrs{"strides": []int64{2}}),
			in: []*graph.Tensor{random(1, 1, 2, 5)}},
		gradCase{name: "3-D", op: "MaxPool", attrs: kernel([]int64{2, 1, 2}, graph.Attrs{"strides": []int64{2, 1, 2}}),
			in: []*graph.Tensor{random(1, 1, 2, 2, 2, 3)}},
		gradCase{name: "with positions", op: "MaxPool", attrs: kernel([]int64{2}, nil),
			in: []*graph.Tensor{random(1, 1, 2, 5)}, outputs: 2},
		gradCase{name: "GlobalMaxPool", op: "GlobalMaxPool", in: []*graph.Tensor{random(1, 2, 2, 3, 2)}},
		gradCase{name: "GlobalAveragePool", op: "GlobalAveragePool", in: []*graph.Tensor{random(1, 2, 2, 3, 2)}}))
}

// Where several elements are the maximum, the first has all of the gradient: also when lowered.
func TestMaxPoolGradTies(t *testing.T) {
	for _, c := range []struct {
		name  string
		attrs graph.Attrs
		want  []float64
	}{
		{"disjoint", kernel([]int64{2}, graph.Attrs{"strides": []int64{2}}), []float64{1, 0, 2, 0}},
		{"overlapping", kernel([]int64{2}, nil), []float64{1, 2, 3, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := graph.FromFloat64([]int{1, 1, 4}, c.want)
			count := 2
			if c.name == "overlapping" {
				count = 3
			}
			dy := graph.FromFloat64([]int{1, 1, count}, []float64{1, 2, 3}[:count])
			x := graph.FromFloat64([]int{1, 1, 4}, []float64{7, 7, 7, 7})
			checkEvals(t, []evalCase{{"macro", "ildc.MaxPoolGrad", c.attrs, []*graph.Tensor{dy, x}, []*graph.Tensor{want}}})
			checkLowered(t, "ildc.MaxPoolGrad", c.attrs, []*graph.Tensor{dy, x}, []*graph.Tensor{want}, lowerTolerance)
		})
	}
}

func TestMaxPoolRefusals(t *testing.T) {
	b := op.NewBuilder(graph.New("column-major"))
	x := counting(1, 1, 1, 2, 2)
	b.Ops("MaxPool", 2, kernel([]int64{2, 2}, graph.Attrs{"storage_order": int64(1)}), b.Const("x", x))
	if !errors.Is(b.Err(), op.ErrUnsupported) {
		t.Errorf("column-major positions: error %v", b.Err())
	}
	for _, pool := range []string{"MaxPool", "AveragePool"} {
		b := op.NewBuilder(graph.New("padding"))
		x := counting(1, 1, 1, 2)
		n := b.Op(pool, kernel([]int64{1}, graph.Attrs{"pads": []int64{1, 0}}), b.Const("x", x)).Producer
		if _, err := op.Of(n).Eval(n, []*graph.Tensor{x}); !errors.Is(err, op.ErrMalformed) {
			t.Errorf("%s of a window in the padding: error %v", pool, err)
		}
	}
}

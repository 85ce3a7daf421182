package op_test

import (
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// Examples of the ONNX specification.
func TestConvEval(t *testing.T) {
	ones := filled(1, 1, 1, 3, 3)
	checkEvals(t, []evalCase{
		{
			"padded", "Conv", graph.Attrs{"pads": []int64{1, 1, 1, 1}},
			[]*graph.Tensor{counting(0, 1, 1, 5, 5), ones},
			[]*graph.Tensor{f32([]int{1, 1, 5, 5},
				12, 21, 27, 33, 24, 33, 54, 63, 72, 51, 63, 99, 108, 117, 81, 93, 144, 153, 162, 111, 72, 111, 117, 123, 84)},
		},
		{
			"strided, with bias", "Conv", graph.Attrs{"pads": []int64{1, 1, 1, 1}, "strides": []int64{2, 2}},
			[]*graph.Tensor{counting(0, 1, 1, 7, 5), ones, f32([]int{1}, 100)},
			[]*graph.Tensor{f32([]int{1, 1, 4, 3}, 112, 127, 124, 163, 208, 181, 223, 298, 241, 212, 277, 224)},
		},
		{
			"asymmetric", "Conv", graph.Attrs{"pads": []int64{1, 0, 1, 0}, "strides": []int64{2, 2}},
			[]*graph.Tensor{counting(0, 1, 1, 7, 5), ones},
			[]*graph.Tensor{f32([]int{1, 1, 4, 2}, 21, 33, 99, 117, 189, 207, 171, 183)},
		},
		{
			"SAME_LOWER", "Conv", graph.Attrs{"auto_pad": "SAME_LOWER", "strides": []int64{2, 2}},
			[]*graph.Tensor{counting(0, 1, 1, 5, 5), ones},
			[]*graph.Tensor{f32([]int{1, 1, 3, 3}, 12, 27, 24, 63, 108, 81, 72, 117, 84)},
		},
		{
			"SAME_UPPER with an even kernel", "Conv", graph.Attrs{"auto_pad": "SAME_UPPER"},
			[]*graph.Tensor{counting(1, 1, 1, 3), filled(1, 1, 1, 2)},
			[]*graph.Tensor{f32([]int{1, 1, 3}, 3, 5, 3)},
		},
		{
			"grouped and dilated", "Conv", graph.Attrs{"group": int64(2), "dilations": []int64{2}},
			[]*graph.Tensor{counting(0, 1, 4, 4), f32([]int{2, 2, 2}, 1, 10, 100, 1000, 1, 10, 100, 1000)},
			[]*graph.Tensor{f32([]int{1, 2, 2}, 0+20+400+6000, 1+30+500+7000, 8+100+1200+14000, 9+110+1300+15000)},
		},
		{
			"transposed", "ConvTranspose", nil,
			[]*graph.Tensor{counting(0, 1, 1, 3, 3), ones},
			[]*graph.Tensor{f32([]int{1, 1, 5, 5},
				0, 1, 3, 3, 2, 3, 8, 15, 12, 7, 9, 21, 36, 27, 15, 9, 20, 33, 24, 13, 6, 13, 21, 15, 8)},
		},
		{
			"transposed SAME_UPPER", "ConvTranspose", graph.Attrs{"auto_pad": "SAME_UPPER", "strides": []int64{2, 2}},
			[]*graph.Tensor{counting(0, 1, 1, 3, 3), ones},
			[]*graph.Tensor{f32([]int{1, 1, 6, 6},
				0, 0, 1, 1, 3, 2, 0, 0, 1, 1, 3, 2, 3, 3, 8, 5, 12, 7, 3, 3, 7, 4, 9, 5, 9, 9, 20, 11, 24, 13, 6, 6, 13, 7, 15, 8)},
		},
		{
			"transposed to a shape", "ConvTranspose", graph.Attrs{"output_shape": []int64{5}, "strides": []int64{3},
				"output_padding": []int64{1}},
			[]*graph.Tensor{f32([]int{1, 1, 2}, 1, 2), f32([]int{1, 1, 2}, 1, 10), f32([]int{1}, 0.5)},
			[]*graph.Tensor{f32([]int{1, 1, 5}, 10.5, 0.5, 2.5, 20.5, 0.5)},
		},
	})
}

func TestConvShape(t *testing.T) {
	n := graph.Sym("batch")
	h := graph.Sym("height")
	same := graph.Attrs{"pads": []int64{1, 1, 1, 1}}
	checkShapes(t, []shapeCase{
		{"symbolic batch", "Conv", nil, []graph.Shape{{n, graph.D(3), graph.D(8), graph.D(8)}, graph.Dims(4, 3, 3, 3)},
			graph.Shape{n, graph.D(4), graph.D(6), graph.D(6)}, nil},
		{"symbolic extent kept", "Conv", same, []graph.Shape{{n, graph.D(3), h, graph.D(8)}, graph.Dims(4, 3, 3, 3)},
			graph.Shape{n, graph.D(4), h, graph.D(8)}, nil},
		{"symbolic extent changed", "Conv", nil, []graph.Shape{{n, graph.D(3), h, graph.D(8)}, graph.Dims(4, 3, 3, 3)},
			graph.Shape{n, graph.D(4), graph.Unknown, graph.D(6)}, nil},
		{"unknown rank", "Conv", nil, []graph.Shape{nil, graph.Dims(4, 3, 3, 3)}, nil, nil},
		{"channels", "Conv", nil, []graph.Shape{graph.Dims(1, 2, 8, 8), graph.Dims(4, 3, 3, 3)}, nil, op.ErrMalformed},
		{"groups", "Conv", graph.Attrs{"group": int64(3)}, []graph.Shape{graph.Dims(1, 3, 8, 8), graph.Dims(4, 1, 3, 3)},
			nil, op.ErrMalformed},
		{"no group", "Conv", graph.Attrs{"group": int64(0)}, []graph.Shape{graph.Dims(1, 3, 8, 8), graph.Dims(4, 3, 3, 3)},
			nil, op.ErrMalformed},
		{"rank", "Conv", nil, []graph.Shape{graph.Dims(1, 3, 8), graph.Dims(4, 3, 3, 3)}, nil, op.ErrMalformed},
		{"bias", "Conv", nil, []graph.Shape{graph.Dims(1, 3, 8, 8), graph.Dims(4, 3, 3, 3), graph.Dims(5)}, nil,
			op.ErrMalformed},
		{"kernel_shape", "Conv", graph.Attrs{"kernel_shape": []int64{2, 2}},
			[]graph.Shape{graph.Dims(1, 3, 8, 8), graph.Dims(4, 3, 3, 3)}, nil, op.ErrMalformed},
		{"window beyond the input", "Conv", nil, []graph.Shape{graph.Dims(1, 3, 2, 8), graph.Dims(4, 3, 3, 3)}, nil,
			op.ErrMalformed},
		{"stride 0", "Conv", graph.Attrs{"strides": []int64{0, 1}},
			[]graph.Shape{graph.Dims(1, 3, 8, 8), graph.Dims(4, 3, 3, 3)}, nil, op.ErrMalformed},
		{"one pad", "Conv", graph.Attrs{"pads": []int64{1}}, []graph.Shape{graph.Dims(1, 3, 8, 8), graph.Dims(4, 3, 3, 3)},
			nil, op.ErrMalformed},
		{"auto_pad", "Conv", graph.Attrs{"auto_pad": "SAME"}, []graph.Shape{graph.Dims(1, 3, 8, 8), graph.Dims(4, 3, 3, 3)},
			nil, op.ErrMalformed},
		{"transposed groups", "ConvTranspose", graph.Attrs{"group": int64(2), "strides": []int64{2, 2}},
			[]graph.Shape{{n, graph.D(4), graph.D(8), graph.D(8)}, graph.Dims(4, 3, 3, 3)},
			graph.Shape{n, graph.D(6), graph.D(17), graph.D(17)}, nil},
	})
}

func TestConvGrad(t *testing.T) {
	checkGrads(t, []gradCase{
		{name: "1-D", op: "Conv", attrs: graph.Attrs{"pads": []int64{1, 0}},
			in: []*graph.Tensor{random(1, 2, 2, 5), random(2, 3, 2, 3), random(3, 3)}},
		{name: "1-D strided", op: "Conv", attrs: graph.Attrs{"strides": []int64{2}},
			in: []*graph.Tensor{random(1, 2, 2, 6), random(2, 3, 2, 3)}},
		{name: "2-D", op: "Conv", attrs: graph.Attrs{"pads": []int64{1, 1, 1, 1}}, in: []*graph.Tensor{random(1, 2, 2, 4, 5),
			random(2, 3, 2, 3, 3), random(3, 3)}},
		{name: "pointwise", op: "Conv", in: []*graph.Tensor{random(1, 2, 3, 2, 2), random(2, 2, 3, 1, 1)}},
		{name: "pointwise strided", op: "Conv", attrs: graph.Attrs{"strides": []int64{2, 2}},
			in: []*graph.Tensor{random(1, 2, 3, 4, 3), random(2, 2, 3, 1, 1)}},
		{name: "2-D strided, remainder, asymmetric", op: "Conv", attrs: graph.Attrs{"strides": []int64{2, 3},
			"pads": []int64{0, 1, 1, 0}}, in: []*graph.Tensor{random(1, 1, 2, 5, 7), random(2, 2, 2, 3, 2)}},
		{name: "2-D strided along one axis", op: "Conv", attrs: graph.Attrs{"strides": []int64{1, 2}},
			in: []*graph.Tensor{random(1, 2, 2, 4, 6), random(2, 2, 2, 2, 3)}},
		{name: "2-D dilated", op: "Conv", attrs: graph.Attrs{"dilations": []int64{2, 1}, "pads": []int64{2, 0, 1, 1}},
			in: []*graph.Tensor{random(1, 2, 2, 5, 4), random(2, 2, 2, 3, 2)}},
		{name: "padding beyond the kernel", op: "Conv", attrs: graph.Attrs{"pads": []int64{2, 0, 0, 3}},
			in: []*graph.Tensor{random(1, 1, 2, 3, 3), random(2, 2, 2, 2, 2)}},
		{name: "auto_pad", op: "Conv", attrs: graph.Attrs{"auto_pad": "SAME_UPPER", "strides": []int64{2, 2}},
			in: []*graph.Tensor{random(1, 1, 2, 5, 4), random(2, 2, 2, 3, 3)}},
		{name: "grouped", op: "Conv", attrs: graph.Attrs{"group": int64(2), "pads": []int64{1, 1, 1, 1}},
			in: []*graph.Tensor{random(1, 2, 4, 3, 3), random(2, 6, 2, 3, 3), random(3, 6)}},
		{name: "grouped strided", op: "Conv", attrs: graph.Attrs{"group": int64(2), "strides": []int64{2, 2}},
			in: []*graph.Tensor{random(1, 2, 4, 4, 4), random(2, 2, 2, 2, 3)}},
		{name: "depthwise", op: "Conv", attrs: graph.Attrs{"group": int64(3), "pads": []int64{1, 1, 1, 1},
			"strides": []int64{2, 1}}, in: []*graph.Tensor{random(1, 2, 3, 4, 3), random(2, 3, 1, 3, 3)}},
		{name: "depthwise with a multiplier", op: "Conv", attrs: graph.Attrs{"group": int64(2), "dilations": []int64{1, 2}},
			in: []*graph.Tensor{random(1, 2, 2, 3, 4), random(2, 4, 1, 2, 2)}},
		{name: "3-D", op: "Conv", attrs: graph.Attrs{"pads": []int64{1, 0, 1, 0, 1, 1}},
			in: []*graph.Tensor{random(1, 1, 2, 3, 2, 3), random(2, 2, 2, 2, 2, 2)}},
		{name: "more channels than space", op: "Conv", attrs: graph.Attrs{"pads": []int64{1, 1, 1, 1}},
			in: []*graph.Tensor{random(1, 2, 4, 1, 1), random(2, 6, 4, 3, 3)}},
		{name: "more channels than space, grouped", op: "Conv", attrs: graph.Attrs{"group": int64(2)},
			in: []*graph.Tensor{random(1, 2, 8, 2, 1), random(2, 12, 4, 2, 1)}},
		{name: "transposed", op: "ConvTranspose", in: []*graph.Tensor{random(1, 2, 3, 3, 2), random(2, 3, 2, 2, 3),
			random(3, 2)}},
		{name: "transposed strided", op: "ConvTranspose", attrs: graph.Attrs{"strides": []int64{2, 3},
			"output_padding": []int64{1, 2}, "pads": []int64{1, 0, 0, 1}}, in: []*graph.Tensor{random(1, 1, 2, 3, 2),
			random(2, 2, 2, 3, 3)}},
		{name: "transposed grouped", op: "ConvTranspose", attrs: graph.Attrs{"group": int64(2), "auto_pad": "SAME_LOWER",
			"strides": []int64{2}}, in: []*graph.Tensor{random(1, 2, 4, 3), random(2, 4, 2, 3)}},
	})
}

// With explicit pads, engines and gradients need not know auto_pad.
func TestConvUpgradeResolvesAutoPad(t *testing.T) {
	for _, c := range []struct {
		auto string
		want []int64
	}{{"SAME_UPPER", []int64{0, 0, 1, 1}}, {"SAME_LOWER", []int64{1, 1, 0, 0}}, {"VALID", []int64{0, 0, 0, 0}}} {
		b := op.NewBuilder(graph.New("auto_pad"))
		x, w := b.Input("x", graph.Float32, graph.Dims(1, 1, 4, 6)), b.Const("w", filled(1, 1, 1, 2, 2))
		n := b.Op("Conv", graph.Attrs{"auto_pad": c.auto}, x, w).Producer
		up := op.Of(n).Upgrade(b, n, 9)
		if b.Err() != nil || len(up) != 1 {
			t.Fatalf("%s: upgraded to %v, %v", c.auto, up, b.Err())
		}
		got := up[0].Producer
		if pads := got.Ints("pads"); !slices.Equal(pads, c.want) || got.Has("auto_pad") ||
			!up[0].Shape.Equal(n.Outputs[0].Shape) {
			t.Errorf("%s: pads %v, want %v; shape %v, was %v", c.auto, pads, c.want, up[0].Shape, n.Outputs[0].Shape)
		}
	}
}

func TestConvTransposeUpgradeResolvesShape(t *testing.T) {
	for _, c := range []struct {
		name  string
		attrs graph.Attrs
		want  []int64
	}{
		{"SAME_UPPER", graph.Attrs{"auto_pad": "SAME_UPPER", "strides": []int64{2}}, []int64{0, 1}},
		{"SAME_LOWER", graph.Attrs{"auto_pad": "SAME_LOWER", "strides": []int64{2}}, []int64{1, 0}},
		{"output_shape", graph.Attrs{"output_shape": []int64{5}, "output_padding": []int64{1}, "strides": []int64{2}},
			[]int64{3, 2}},
	} {
		b := op.NewBuilder(graph.New(c.name))
		n := b.Op("ConvTranspose", c.attrs, b.Input("x", graph.Float32, graph.Dims(1, 1, 4)),
			b.Const("w", filled(1, 1, 1, 3))).Producer
		up := op.Of(n).Upgrade(b, n, 11)
		if b.Err() != nil || len(up) != 1 {
			t.Fatalf("%s: upgraded to %v, %v", c.name, up, b.Err())
		}
		got := up[0].Producer
		if pads := got.Ints("pads"); !slices.Equal(pads, c.want) || got.Has("auto_pad") || got.Has("output_shape") ||
			!up[0].Shape.Equal(n.Outputs[0].Shape) {
			t.Errorf("%s: pads %v, want %v; shape %v, was %v", c.name, pads, c.want, up[0].Shape, n.Outputs[0].Shape)
		}
	}
}

// Without static extents auto_pad stays, for the engine to resolve.
func TestConvUpgradeLeavesSymbolic(t *testing.T) {
	b := op.NewBuilder(graph.New("symbolic"))
	x := b.Input("x", graph.Float32, graph.Shape{graph.D(1), graph.D(1), graph.Sym("length")})
	n := b.Op("Conv", graph.Attrs{"auto_pad": "SAME_UPPER"}, x, b.Const("w", filled(1, 1, 1, 2))).Producer
	if up := op.Of(n).Upgrade(b, n, 9); up != nil || b.Err() != nil || !n.Outputs[0].Shape.Equal(x.Shape) {
		t.Errorf("upgraded to %v, error %v; shape %v, want %v", up, b.Err(), n.Outputs[0].Shape, x.Shape)
	}
}

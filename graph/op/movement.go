package op

import (
	"reflect"

	"github.com/ildc/ildc/graph"
)

// Ops that move elements without computing with them, but for what ScatterElements and ScatterND combine.
// https://onnx.ai/onnx/operators/onnx__Slice.html and its neighbours; each op's history stands where it is upgraded.
func movement() []*Spec {
	return append(blocks(), []*Spec{
		{Type: "Concat", AnyType: true, Least: 1, Most: -1, Rebatch: concatRebatch, Shape: concatShape,
			Channels: concatChannels, Grad: concatGrad, Eval: concatEval},
		{Type: "Split", AnyType: true, Least: 1, Most: 2, Upgrade: splitUpgrade, Shape: splitShape, Channels: splitChannels,
			Grad: splitGrad, Eval: splitEval},
		{Type: "Slice", AnyType: true, Least: 3, Most: 5, Upgrade: sliceUpgrade, Shape: sliceShape, Channels: sliceChannels,
			Grad: sliceGrad, Eval: sliceEval},
		{Type: "Pad", AnyType: true, Least: 2, Most: 4, Settings: []int{2}, Upgrade: padUpgrade, Shape: padShape,
			Channels: padChannels, Grad: padGrad, Eval: padEval},
		{Type: "Transpose", AnyType: true, Least: 1, Most: 1, Shape: transposeShape, Channels: transposeChannels,
			Grad: transposeGrad, Eval: transposeEval},
		{Type: "Expand", AnyType: true, Least: 2, Most: 2, Shape: expandShape, Channels: expandChannels, Grad: expandGrad,
			Eval: expandEval},
		{Type: "Tile", AnyType: true, Least: 2, Most: 2, Shape: tileShape, Channels: tileChannels, Grad: tileGrad,
			Eval: tileEval},
		{Type: "Gather", AnyType: true, Least: 2, Most: 2, Shape: gatherShape, Channels: gatherChannels, Grad: gatherGrad,
			Eval: gatherEval},
		{Type: "GatherElements", AnyType: true, Least: 2, Most: 2, Shape: gatherElementsShape, Grad: gatherElementsGrad,
			Eval: gatherElementsEval},
		{Type: "GatherND", AnyType: true, Least: 2, Most: 2, Shape: gatherNDShape, Grad: gatherNDGrad, Eval: gatherNDEval},
		{Type: "ScatterElements", Least: 3, Most: 3, Shape: scatterShape(gatherElementsShape),
			Grad: scatterGrad("GatherElements"), Eval: scatterElementsEval, Tolerance: 1e-5},
		{Type: "ScatterND", Least: 3, Most: 3, Shape: scatterShape(gatherNDShape), Grad: scatterGrad("GatherND"),
			Eval: scatterNDEval, Tolerance: 1e-5},
		{Type: "OneHot", Least: 3, Most: 3, Settings: []int{1, 2}, NoGrad: true, Shape: oneHotShape, Eval: oneHotEval},
		{Type: "TopK", Least: 2, Most: 2, Upgrade: topKUpgrade, Shape: topKShape, Channels: topKChannels, Grad: topKGrad,
			Eval: topKEval},
		{Type: "CumSum", Least: 2, Most: 2, Shape: sameAsFirst, Channels: cumSumChannels, Grad: cumSumGrad, Eval: cumSumEval,
			Tolerance: 1e-5},
		{Type: "Trilu", Least: 1, Most: 2, Shape: sameAsFirst, Channels: triluChannels, Grad: triluGrad, Eval: triluEval},
	}...)
}

// arrange makes a tensor of these dims from the elements of t at flat positions, exactly, whatever the dtype.
func arrange(t *graph.Tensor, dims, at []int) *graph.Tensor {
	return t.Reshaped(t.Len()).Take(0, at).Reshaped(dims...)
}

// endToEnd lays the elements of tensors behind one another: [sum of their lengths].
func endToEnd(n *graph.Node, in ...*graph.Tensor) (*graph.Tensor, error) {
	total := 0
	data := reflect.MakeSlice(reflect.TypeOf(in[0].Data), 0, in[0].Len())
	for _, t := range in {
		if t.DType != in[0].DType {
			return nil, Errorf(n, ErrMalformed, "dtypes %v and %v together", in[0].DType, t.DType)
		}
		data = reflect.AppendSlice(data, reflect.ValueOf(t.Data))
		total += t.Len()
	}
	return &graph.Tensor{DType: in[0].DType, Dims: []int{total}, Data: data.Interface()}, nil
}

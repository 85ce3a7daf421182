package op

// Ops that move elements without changing them: Concat, Slice, Pad, Split, Gather, ScatterElements.
// History: Slice took starts, ends and axes as attributes before opset 10, Pad its pads before 11, Split its sizes before 13.
// https://onnx.ai/onnx/operators/onnx__Slice.html and its neighbours.
func movement() []*Spec {
	return []*Spec{
		{Type: "Concat", Least: 1, Most: -1, Shape: concatShape, Channels: concatChannels, Grad: concatGrad, Eval: concatEval},
		{Type: "Slice", Least: 3, Most: 5, Upgrade: sliceUpgrade, Shape: sliceShape, Channels: sliceChannels, Grad: sliceGrad, Eval: sliceEval},
		{Type: "Pad", Least: 2, Most: 4, Upgrade: padUpgrade, Shape: padShape, Channels: padChannels, Grad: padGrad, Eval: padEval},
		{Type: "Split", Least: 1, Most: 2, Upgrade: splitUpgrade, Shape: splitShape, Channels: splitChannels, Grad: splitGrad, Eval: splitEval},
		{Type: "Gather", Least: 2, Most: 2, Shape: gatherShape, Channels: gatherChannels, Grad: gatherGrad, Eval: gatherEval},
		{Type: "ScatterElements", Least: 3, Most: 3, Shape: sameAsFirst, Eval: scatterEval, Tolerance: 1e-5},
	}
}

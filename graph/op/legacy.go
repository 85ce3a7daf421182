package op

import (
	"github.com/ildc/ildc/graph"
)

// Experimental ops that early exporters wrote and ONNX has dropped since. X: [N,C,H,W] → as X, but for Crop.
//
//	Affine alpha·x + beta; ImageScaler scale·x + bias, per channel; Crop: border (left, top, right, bottom) cut off,
//	or with scale (height, width)
//	what is kept from (left, top) on; ScaledTanh alpha·tanh(beta·x); ParametricSoftplus alpha·softplus(beta·x)
//
// https://github.com/onnx/onnx/blob/rel-1.4.1/docs/Operators.md
func legacy() []*Spec {
	return []*Spec{
		composite(&Spec{Type: "Affine", Least: 1, Most: 1}, func(b *graph.Builder, n *graph.Node) []*graph.Value {
			return []*graph.Value{affine(b, n.Inputs[0], n.Float("alpha", 1), n.Float("beta", 0))}
		}),
		composite(&Spec{Type: "ImageScaler", Least: 1, Most: 1}, imageScaler),
		composite(&Spec{Type: "Crop", Least: 1, Most: 1}, crop),
		composite(&Spec{Type: "ScaledTanh", Least: 1, Most: 1}, scaledActivation("Tanh")),
		composite(&Spec{Type: "ParametricSoftplus", Least: 1, Most: 1}, scaledActivation("Softplus")),
	}
}

// affine is factor·x + shift.
func affine(b *graph.Builder, x *graph.Value, factor, shift float64) *graph.Value {
	return b.Op("Add", nil, b.Op("Mul", nil, x, b.Scalar(x.DType, factor)), b.Scalar(x.DType, shift))
}

func scaledActivation(op string) body {
	return func(b *graph.Builder, n *graph.Node) []*graph.Value {
		x := n.Inputs[0]
		inside := b.Op("Mul", nil, x, b.Scalar(x.DType, n.Float("beta", 1)))
		return []*graph.Value{b.Op("Mul", nil, b.Op(op, nil, inside), b.Scalar(x.DType, n.Float("alpha", 1)))}
	}
}

func imageScaler(b *graph.Builder, n *graph.Node) []*graph.Value {
	x := n.Inputs[0]
	y := b.Op("Mul", nil, x, b.Scalar(x.DType, n.Float("scale", 1)))
	bias, _ := n.Attrs["bias"].([]float32)
	if len(bias) == 0 {
		return []*graph.Value{y}
	}
	shift := b.Const("bias", graph.FromFloat32([]int{len(bias), 1, 1}, bias))
	if x.DType != graph.Float32 {
		shift = b.Op("Cast", graph.Attrs{"to": int64(x.DType)}, shift)
	}
	return []*graph.Value{b.Op("Add", nil, y, shift)}
}

func crop(b *graph.Builder, n *graph.Node) []*graph.Value {
	x, border, size := n.Inputs[0], n.Ints("border"), n.Ints("scale")
	switch {
	case len(border) != 4 || size != nil && len(size) != 2 || x.Shape != nil && len(x.Shape) != 4:
		b.Fail("%w", Errorf(n, ErrMalformed, "border %v, scale %v", border, size))
		return nil
	case x.Shape == nil || !x.Shape[2:].Static():
		return nil
	}
	left, top := border[0], border[1]
	bottom, right := int64(x.Shape[2].Size)-border[3], int64(x.Shape[3].Size)-border[2]
	if size != nil {
		bottom, right = top+size[0], left+size[1]
	}
	return []*graph.Value{b.Op("Slice", nil, x, b.Ints(top, left), b.Ints(bottom, right), b.Ints(2, 3))}
}

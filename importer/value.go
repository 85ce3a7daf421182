package importer

import (
	"math"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/onnxpb"
)

// declare gives a value its declared type. What is declared to be no tensor has no dtype and no shape.
func (r *reader) declare(v *graph.Value, info *onnxpb.ValueInfoProto) {
	v.Origin = info
	t := info.GetType().GetTensorType()
	if t == nil {
		return
	}
	v.DType = graph.DType(t.GetElemType())
	if t.Shape == nil {
		return
	}
	v.Shape = make(graph.Shape, len(t.Shape.GetDim()))
	for i, d := range t.Shape.GetDim() {
		v.Shape[i] = extent(d)
	}
	elements := int64(1)
	for _, d := range v.Shape {
		if n := int64(d.Size); n > 0 {
			if elements > math.MaxInt64/16/n { // 16 bytes: the largest element
				r.refuse(ErrMalformed, "value %q: %v: more elements than can be", v.Name, v.Shape)
				return
			}
			elements *= n
		}
	}
}

// extent reads a dimension. One that is negative, which some exporters write for a free one, is unknown.
func extent(d *onnxpb.TensorShapeProto_Dimension) graph.Dim {
	switch v := d.GetValue().(type) {
	case *onnxpb.TensorShapeProto_Dimension_DimValue:
		if v.DimValue >= 0 {
			return graph.D(int(v.DimValue))
		}
	case *onnxpb.TensorShapeProto_Dimension_DimParam:
		if v.DimParam != "" {
			return graph.Sym(v.DimParam)
		}
	}
	return graph.Unknown
}

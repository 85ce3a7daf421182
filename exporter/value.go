package exporter

import (
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/onnxpb"
)

// declarations writes the types of values, keeping what was declared of those whose type did not change.
type declarations struct {
	g       *graph.Graph
	origin  *onnxpb.GraphProto
	values  map[string]*graph.Value
	weights map[string]*onnxpb.TensorProto // the origin's initializers
}

func newDeclarations(g *graph.Graph, origin *onnxpb.GraphProto) *declarations {
	d := &declarations{g: g, origin: origin, values: g.ByName(), weights: map[string]*onnxpb.TensorProto{}}
	for _, t := range origin.GetInitializer() {
		d.weights[t.GetName()] = t
	}
	for _, t := range origin.GetSparseInitializer() {
		d.weights[t.GetValues().GetName()] = &onnxpb.TensorProto{Dims: t.Dims}
	}
	return d
}

// inputs lists the graph's inputs in their order. Initializers that the file listed among them keep their places; up to
// IR version 3 each initializer is listed.
func (d *declarations) inputs(ir int64) []*onnxpb.ValueInfoProto {
	var list []*onnxpb.ValueInfoProto
	rest := d.g.Inputs
	declared := byName(d.origin.GetInput())
	take := func() {
		list = append(list, d.declare(rest[0], declared[rest[0].Name]))
		rest = rest[1:]
	}
	for _, info := range d.origin.GetInput() {
		switch v := d.values[info.GetName()]; {
		case d.weights[info.GetName()] == nil:
			if len(rest) > 0 {
				take()
			}
		case v != nil && v.Const != nil:
			list = append(list, d.declare(v, info))
		}
	}
	for len(rest) > 0 {
		take()
	}
	for _, v := range d.g.Initializers {
		if ir <= 3 && d.weights[v.Name] == nil {
			list = append(list, d.declare(v, nil))
		}
	}
	return list
}

// list declares these values.
func (d *declarations) list(vs []*graph.Value, origin []*onnxpb.ValueInfoProto) []*onnxpb.ValueInfoProto {
	declared := byName(origin)
	list := make([]*onnxpb.ValueInfoProto, len(vs))
	for i, v := range vs {
		info := declared[v.Name]
		if i < len(origin) && origin[i].GetName() == v.Name { // an output may be listed twice
			info = origin[i]
		}
		list[i] = d.declare(v, info)
	}
	return list
}

// valueInfo keeps what was declared of other values: of those that are still there, and of names that were never values
// of the graph.
func (d *declarations) valueInfo() []*onnxpb.ValueInfoProto {
	was := map[string]bool{}
	for _, n := range d.origin.GetNode() {
		for _, name := range n.GetOutput() {
			was[name] = true
		}
	}
	for _, info := range d.origin.GetInput() {
		was[info.GetName()] = true
	}
	var list []*onnxpb.ValueInfoProto
	for _, info := range d.origin.GetValueInfo() {
		name := info.GetName()
		v := d.values[name]
		switch {
		case v == nil && (was[name] || d.weights[name] != nil):
		case v == nil || d.unchanged(v):
			list = append(list, info)
		case v.Shape != nil:
			list = append(list, d.declare(v, info))
		}
	}
	return list
}

func byName(infos []*onnxpb.ValueInfoProto) map[string]*onnxpb.ValueInfoProto {
	m := make(map[string]*onnxpb.ValueInfoProto, len(infos))
	for _, info := range infos {
		if m[info.GetName()] == nil {
			m[info.GetName()] = info
		}
	}
	return m
}

// unchanged says whether a value has the type that it was imported with.
func (d *declarations) unchanged(v *graph.Value) bool {
	if v.Const != nil {
		t := d.weights[v.Name]
		return t != nil && t.GetDataType() == int32(v.DType) &&
			slices.EqualFunc(t.GetDims(), v.Shape, func(n int64, e graph.Dim) bool { return e.Is(int(n)) })
	}
	info, ok := v.Origin.(*onnxpb.ValueInfoProto)
	if !ok {
		return v.DType == graph.Undefined && v.Shape == nil
	}
	t := info.GetType().GetTensorType()
	if graph.DType(t.GetElemType()) != v.DType || (t.GetShape() == nil) != (v.Shape == nil) {
		return false
	}
	return slices.EqualFunc(t.GetShape().GetDim(), v.Shape, says)
}

// says tells whether a dimension declares this extent.
func says(m *onnxpb.TensorShapeProto_Dimension, e graph.Dim) bool {
	switch d := m.GetValue().(type) {
	case *onnxpb.TensorShapeProto_Dimension_DimValue:
		if d.DimValue >= 0 {
			return e.Is(int(d.DimValue))
		}
	case *onnxpb.TensorShapeProto_Dimension_DimParam:
		if d.DimParam != "" {
			return e == graph.Sym(d.DimParam)
		}
	}
	return e == graph.Unknown
}

// declare writes a value's type into what was declared of it, which may be nil.
func (d *declarations) declare(v *graph.Value, origin *onnxpb.ValueInfoProto) *onnxpb.ValueInfoProto {
	if origin != nil && d.unchanged(v) {
		return origin
	}
	m := onnxpb.Shallow(origin)
	m.Name = &v.Name
	if v.DType == graph.Undefined {
		return m
	}
	m.Type = onnxpb.Shallow(origin.GetType())
	t := onnxpb.Shallow(m.Type.TensorType)
	m.Type.TensorType = t
	t.ElemType = new(int32(v.DType))
	if v.Shape == nil {
		t.Shape = nil
		return m
	}
	old := t.Shape.GetDim()
	t.Shape = onnxpb.Shallow(t.Shape)
	t.Shape.Dim = make([]*onnxpb.TensorShapeProto_Dimension, len(v.Shape))
	for i, e := range v.Shape {
		if len(old) == len(v.Shape) && says(old[i], e) {
			t.Shape.Dim[i] = old[i]
		} else {
			t.Shape.Dim[i] = dimension(e)
		}
	}
	return m
}

func dimension(e graph.Dim) *onnxpb.TensorShapeProto_Dimension {
	switch {
	case e.Known():
		return &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(e.Size)}}
	case e == graph.Unknown:
		return &onnxpb.TensorShapeProto_Dimension{}
	}
	return &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: e.Symbol}}
}

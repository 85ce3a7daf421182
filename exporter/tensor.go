package exporter

import (
	"errors"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/onnxpb"
)

// encodeInitializers encodes the weights. They replace the origin's by name.
func (e *encoder) encodeInitializers(m *onnxpb.GraphProto, g *graph.Graph, origin *onnxpb.GraphProto) {
	old := map[string]*onnxpb.TensorProto{}
	for _, t := range origin.GetInitializer() {
		old[t.GetName()] = t
	}
	m.Initializer, m.SparseInitializer = nil, nil
	for _, v := range g.Initializers {
		if s, ok := v.Const.Origin.(*onnxpb.SparseTensorProto); ok {
			if s.GetValues().GetName() != v.Name {
				s = onnxpb.Shallow(s)
				s.Values = onnxpb.Shallow(s.Values)
				s.Values.Name = &v.Name
			}
			m.SparseInitializer = append(m.SparseInitializer, s)
			continue
		}
		t, err := e.tensor(v.Name, v.Const, old[v.Name])
		if err == nil {
			t, err = e.data.take(t, v.Const)
		}
		if err != nil {
			e.fail("initializer %q: %w", v.Name, err)
			continue
		}
		m.Initializer = append(m.Initializer, t)
	}
}

// tensor encodes a tensor: as it was imported where it was, else in the manner of the one that it replaces, which may
// be nil.
func (e *encoder) tensor(name string, t *graph.Tensor, replaced *onnxpb.TensorProto) (*onnxpb.TensorProto, error) {
	if origin, ok := t.Origin.(*onnxpb.TensorProto); ok && sameType(origin, t) {
		m := origin
		if m.External() && !e.keeps(m, t) {
			m = onnxpb.Shallow(m)
			if err := m.SetElements(t.Data, false); err != nil {
				return nil, err
			}
		}
		if m.GetName() != name {
			m = onnxpb.Shallow(m)
			m.Name = &name
		}
		return m, nil
	}
	if t.Data == nil {
		return nil, errors.New("it has no elements")
	}
	m := onnxpb.Shallow(replaced)
	if name != m.GetName() {
		m.Name = &name
	}
	m.Dims = make([]int64, len(t.Dims))
	for i, n := range t.Dims {
		m.Dims[i] = int64(n)
	}
	m.DataType = new(int32(t.DType))
	return m, m.SetElements(t.Data, replaced.Typed())
}

func sameType(m *onnxpb.TensorProto, t *graph.Tensor) bool {
	return m.GetDataType() == int32(t.DType) && slices.EqualFunc(m.GetDims(), t.Dims, func(a int64, b int) bool {
		return a == int64(b)
	})
}

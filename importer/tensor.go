package importer

import (
	"fmt"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/onnxpb"
)

// tensor reads a tensor, from external data where it lies there.
func (r *reader) tensor(p *onnxpb.TensorProto) (*graph.Tensor, error) {
	if _, err := p.Len(); err != nil {
		return nil, err
	}
	t := &graph.Tensor{DType: graph.DType(p.GetDataType()), Dims: sizes(p.GetDims()), Origin: p}
	switch {
	case t.DType == graph.Undefined:
		return nil, fmt.Errorf("the tensor has no data type: %w", ErrMalformed)
	case !p.Known() && p.External():
		return nil, fmt.Errorf("external data of data type %v: store the model without: %w", t.DType, ErrDeclined)
	case !p.Known():
		return t, nil
	}
	var err error
	if p.External() {
		t.Data, err = r.readExternal(p)
	} else {
		t.Data, err = p.Elements()
	}
	return t, err
}

// sparse reads a sparse tensor, without its elements.
func sparse(p *onnxpb.SparseTensorProto) (*graph.Tensor, error) {
	if _, err := (&onnxpb.TensorProto{Dims: p.GetDims()}).Len(); err != nil {
		return nil, err
	}
	for _, t := range []*onnxpb.TensorProto{p.GetValues(), p.GetIndices()} {
		if t.External() {
			return nil, fmt.Errorf("a sparse tensor in external data: store the model without: %w", ErrDeclined)
		}
	}
	return &graph.Tensor{Dims: sizes(p.GetDims()), Origin: p}, nil
}

func sizes(dims []int64) []int {
	s := make([]int, len(dims))
	for i, d := range dims {
		s[i] = int(d)
	}
	return s
}

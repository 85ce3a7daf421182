package golden

import (
	"fmt"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/onnxpb"
)

// decodeTensor reads a TensorProto whose elements can be compared.
func decodeTensor(data []byte) (name string, t *graph.Tensor, err error) {
	name, t, err = importer.Tensor(data)
	if err == nil && t.Data == nil {
		err = fmt.Errorf("elements of type %v cannot be compared", t.DType)
	}
	return name, t, err
}

// encodeTensor is a TensorProto with raw data, where its type has such a form.
func encodeTensor(name string, t *graph.Tensor) ([]byte, error) {
	m := &onnxpb.TensorProto{Name: new(name), DataType: new(int32(t.DType))}
	for _, d := range t.Dims {
		m.Dims = append(m.Dims, int64(d))
	}
	if err := m.SetElements(t.Data, false); err != nil {
		return nil, err
	}
	return onnxpb.Marshal(m)
}

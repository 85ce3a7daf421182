package onnxgo

import (
	"fmt"
	"reflect"

	"gorgonia.org/tensor"

	"github.com/ildc/ildc/graph"
)

var dtypes = map[tensor.Dtype]graph.DType{
	tensor.Float32: graph.Float32, tensor.Float64: graph.Float64, tensor.Bool: graph.Bool, tensor.String: graph.String,
	tensor.Int8: graph.Int8, tensor.Int16: graph.Int16, tensor.Int32: graph.Int32, tensor.Int64: graph.Int64,
	tensor.Uint8: graph.Uint8, tensor.Uint16: graph.Uint16, tensor.Uint32: graph.Uint32, tensor.Uint64: graph.Uint64,
}

func dtypeOf(t tensor.Tensor) (graph.DType, error) {
	d, ok := dtypes[t.Dtype()]
	if !ok {
		return graph.Undefined, fmt.Errorf("elements of type %v are not modelled", t.Dtype())
	}
	return d, nil
}

// tensorOf shares the elements of onnx-go's tensor.
func tensorOf(t tensor.Tensor) (*graph.Tensor, error) {
	d, err := dtypeOf(t)
	if err != nil {
		return nil, err
	}
	dims := append([]int{}, t.Shape()...)
	data := reflect.ValueOf(t.Data())
	if data.Kind() != reflect.Slice { // a scalar is given as its element
		one := reflect.MakeSlice(reflect.SliceOf(data.Type()), 1, 1)
		one.Index(0).Set(data)
		data = one
	}
	if data.Len() != graph.Product(dims) {
		return nil, fmt.Errorf("%d elements for dims %v", data.Len(), dims)
	}
	return &graph.Tensor{DType: d, Dims: dims, Data: data.Interface()}, nil
}

// attribute turns an attribute as onnx-go gives it into one of package graph: opaque where onnx-go leaves it unread,
// since the file does not say its type.
func attribute(a any) (any, error) {
	switch a := a.(type) {
	case int64, float32, string, []int64, []float32, []string:
		return a, nil
	case tensor.Tensor:
		return tensorOf(a)
	case struct{}:
		return graph.Opaque{}, nil
	}
	return nil, fmt.Errorf("a value of type %T", a)
}

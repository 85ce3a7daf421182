//go:build cgo

package ort

import (
	"fmt"
	"unsafe"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"github.com/ildc/ildc/graph"
)

// value makes ONNX Runtime read and write a tensor's own memory. A tensor without axes is one with an axis of 1: the
// session's inputs and outputs have been given one, since onnxruntime_go knows no others.
func value(t *graph.Tensor) (onnxruntime.Value, error) {
	shape := onnxruntime.Shape{1}
	if len(t.Dims) > 0 {
		shape = make(onnxruntime.Shape, len(t.Dims))
		for i, d := range t.Dims {
			shape[i] = int64(d)
		}
	}
	switch d := t.Data.(type) {
	case []float32:
		return tensor(shape, d)
	case []float64:
		return tensor(shape, d)
	case []int8:
		return tensor(shape, d)
	case []int16:
		return tensor(shape, d)
	case []int32:
		return tensor(shape, d)
	case []int64:
		return tensor(shape, d)
	case []uint8:
		return tensor(shape, d)
	case []uint32:
		return tensor(shape, d)
	case []uint64:
		return tensor(shape, d)
	case []bool:
		return tensor(shape, d)
	case []uint16:
		switch t.DType {
		case graph.Float16:
			return halves(shape, d, onnxruntime.TensorElementDataTypeFloat16)
		case graph.BFloat16:
			return halves(shape, d, onnxruntime.TensorElementDataTypeBFloat16)
		}
		return tensor(shape, d)
	}
	return nil, fmt.Errorf("a tensor of %v", t.DType)
}

// tensor keeps the interface nil where there is no tensor.
func tensor[T onnxruntime.TensorData](shape onnxruntime.Shape, data []T) (onnxruntime.Value, error) {
	t, err := onnxruntime.NewTensor(shape, data)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// halves wraps the bits of 16-bit floats, a type that Go lacks.
func halves(
	shape onnxruntime.Shape, data []uint16, dtype onnxruntime.TensorElementDataType,
) (onnxruntime.Value, error) {
	if len(data) == 0 {
		data = make([]uint16, 1) // no address of nothing can be given
	}
	t, err := onnxruntime.NewCustomDataTensor(shape, unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), 2*len(data)), dtype)
	if err != nil {
		return nil, err
	}
	return t, nil
}

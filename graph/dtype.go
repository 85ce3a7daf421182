package graph

import "fmt"

// DType is the element type of a tensor; the numbers are ONNX's TensorProto.DataType.
type DType int32

// The element types. Float16 and BFloat16 elements are held as their bits.
const (
	Undefined DType = 0
	Float32   DType = 1
	Uint8     DType = 2
	Int8      DType = 3
	Uint16    DType = 4
	Int16     DType = 5
	Int32     DType = 6
	Int64     DType = 7
	String    DType = 8
	Bool      DType = 9
	Float16   DType = 10
	Float64   DType = 11
	Uint32    DType = 12
	Uint64    DType = 13
	BFloat16  DType = 16
)

var dtypes = map[DType]struct {
	name string
	size int // bytes per element; 0 where it varies
}{
	Float32: {"float32", 4}, Uint8: {"uint8", 1}, Int8: {"int8", 1}, Uint16: {"uint16", 2}, Int16: {"int16", 2},
	Int32: {"int32", 4}, Int64: {"int64", 8}, String: {"string", 0}, Bool: {"bool", 1}, Float16: {"float16", 2},
	Float64: {"float64", 8}, Uint32: {"uint32", 4}, Uint64: {"uint64", 8}, BFloat16: {"bfloat16", 2},
}

// Size is the number of bytes of one element, 0 for strings and for types this package does not model.
func (d DType) Size() int { return dtypes[d].size }

// Known says whether tensors of this type can be held.
func (d DType) Known() bool { return dtypes[d].name != "" }

// IsFloat says whether elements are float32 or float64, the types that can be differentiated through.
func (d DType) IsFloat() bool { return d == Float32 || d == Float64 }

// IsInt says whether elements are int32 or int64, the types of shapes, axes and indices.
func (d DType) IsInt() bool { return d == Int32 || d == Int64 }

func (d DType) String() string {
	if t, ok := dtypes[d]; ok {
		return t.name
	}
	if d == Undefined {
		return "undefined"
	}
	return fmt.Sprintf("dtype(%d)", int32(d))
}

package onnxpb

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
)

// Element is a Go type that holds elements of tensors: each data type has one. FLOAT16 and BFLOAT16 are held as their
// bits, in uint16.
type Element interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | bool | string
}

// dataType is what the package knows of an element type.
type dataType struct {
	size     int // bytes of one element in raw data; 0 for strings, which have no raw form
	make     func(n int) any
	typed    func(t *TensorProto) (any, error) // the elements in the field of their type
	setTyped func(t *TensorProto, data any)
}

var dataTypes = map[TensorProto_DataType]dataType{
	TensorProto_FLOAT:    plain(4, func(t *TensorProto) *[]float32 { return &t.FloatData }),
	TensorProto_DOUBLE:   plain(8, func(t *TensorProto) *[]float64 { return &t.DoubleData }),
	TensorProto_INT32:    plain(4, func(t *TensorProto) *[]int32 { return &t.Int32Data }),
	TensorProto_INT64:    plain(8, func(t *TensorProto) *[]int64 { return &t.Int64Data }),
	TensorProto_UINT64:   plain(8, func(t *TensorProto) *[]uint64 { return &t.Uint64Data }),
	TensorProto_UINT32:   widened[uint32](4, func(t *TensorProto) *[]uint64 { return &t.Uint64Data }, 0, math.MaxUint32),
	TensorProto_UINT8:    widened[uint8](1, int32Data, 0, math.MaxUint8),
	TensorProto_INT8:     widened[int8](1, int32Data, math.MinInt8, math.MaxInt8),
	TensorProto_UINT16:   widened[uint16](2, int32Data, 0, math.MaxUint16),
	TensorProto_INT16:    widened[int16](2, int32Data, math.MinInt16, math.MaxInt16),
	TensorProto_FLOAT16:  widened[uint16](2, int32Data, 0, math.MaxUint16),
	TensorProto_BFLOAT16: widened[uint16](2, int32Data, 0, math.MaxUint16),
	TensorProto_BOOL:     truth,
	TensorProto_STRING:   text,
}

func int32Data(t *TensorProto) *[]int32 { return &t.Int32Data }

// plain is a type whose field has elements of that type.
func plain[T Element](size int, field func(*TensorProto) *[]T) dataType {
	return dataType{
		size:     size,
		make:     func(n int) any { return make([]T, n) },
		typed:    func(t *TensorProto) (any, error) { return append([]T{}, *field(t)...), nil },
		setTyped: func(t *TensorProto, data any) { *field(t) = data.([]T) },
	}
}

// widened is a type whose elements stand in a field of a wider one, where they lie between least and most.
func widened[T, W int8 | int16 | int32 | uint8 | uint16 | uint32 | uint64](size int,
	field func(*TensorProto) *[]W, least, most W) dataType {
	return dataType{
		size: size,
		make: func(n int) any { return make([]T, n) },
		typed: func(t *TensorProto) (any, error) {
			wide := *field(t)
			data := make([]T, len(wide))
			for i, w := range wide {
				if w < least || w > most {
					return nil, fmt.Errorf("element %d is %d, outside of [%d, %d]", i, w, least, most)
				}
				data[i] = T(w)
			}
			return data, nil
		},
		setTyped: func(t *TensorProto, data any) {
			wide := make([]W, 0, len(data.([]T)))
			for _, v := range data.([]T) {
				wide = append(wide, W(v))
			}
			*field(t) = wide
		},
	}
}

var truth = dataType{
	size: 1,
	make: func(n int) any { return make([]bool, n) },
	typed: func(t *TensorProto) (any, error) {
		data := make([]bool, len(t.GetInt32Data()))
		for i, v := range t.GetInt32Data() {
			data[i] = v != 0
		}
		return data, nil
	},
	setTyped: func(t *TensorProto, data any) {
		t.Int32Data = make([]int32, len(data.([]bool)))
		for i, v := range data.([]bool) {
			if v {
				t.Int32Data[i] = 1
			}
		}
	},
}

var text = dataType{
	make:     func(n int) any { return make([]string, n) },
	typed:    func(t *TensorProto) (any, error) { return texts(t.GetStringData()), nil },
	setTyped: func(t *TensorProto, data any) { t.StringData = rawTexts(data.([]string)) },
}

func (t *TensorProto) dataType() (dataType, bool) {
	d, ok := dataTypes[TensorProto_DataType(t.GetDataType())]
	return d, ok
}

// Known says whether the package can give elements of the tensor's data type. It cannot for complex numbers, and for
// floats and integers that are packed into less than 16 and 8 bits.
func (t *TensorProto) Known() bool { _, ok := t.dataType(); return ok }

// Len is the number of elements that the dims tell. It fails where a dim is negative, or where the elements cannot be
// counted.
func (t *TensorProto) Len() (int, error) {
	n, zero := int64(1), false
	for _, d := range t.GetDims() {
		switch {
		case d < 0:
			return 0, fmt.Errorf("dims %v: one is negative: %w", t.Dims, ErrMalformed)
		case d == 0:
			zero = true
		case n > math.MaxInt/d/16: // 16 bytes: the largest element
			return 0, fmt.Errorf("dims %v: more elements than can be: %w", t.Dims, ErrMalformed)
		default:
			n *= d
		}
	}
	if zero {
		return 0, nil
	}
	return int(n), nil
}

// RawLen is how many bytes the elements take as raw data. It fails for strings and for data types that are not known.
func (t *TensorProto) RawLen() (int, error) {
	d, _ := t.dataType()
	if d.size == 0 {
		return 0, fmt.Errorf("elements of data type %v have no raw form: %w", TensorProto_DataType(t.GetDataType()),
			ErrMalformed)
	}
	n, err := t.Len()
	return n * d.size, err
}

// External says whether the elements lie in another file.
func (t *TensorProto) External() bool { return t.GetDataLocation() == TensorProto_EXTERNAL }

// Typed says whether the elements stand in the field of their type, and not in raw data.
func (t *TensorProto) Typed() bool {
	return len(t.GetFloatData())+len(t.GetDoubleData())+len(t.GetInt32Data())+
		len(t.GetInt64Data())+len(t.GetUint64Data())+len(t.GetStringData()) > 0
}

// Elements gives the elements, as a slice of the data type's [Element]. It fails with [ErrMalformed] where they don't
// fit the dims, where the data type is not known, and where the elements lie in another file.
func (t *TensorProto) Elements() (any, error) {
	d, ok := t.dataType()
	switch {
	case !ok:
		return nil, fmt.Errorf("data type %v: %w", TensorProto_DataType(t.GetDataType()), ErrMalformed)
	case t.External():
		return nil, fmt.Errorf("the elements are in another file: %w", ErrMalformed)
	case len(t.GetRawData()) > 0 && t.Typed():
		return nil, fmt.Errorf("elements as raw data and as typed data: %w", ErrMalformed)
	case !t.Typed() && d.size > 0:
		return t.DecodeRaw(t.GetRawData())
	}
	want, err := t.Len()
	if err != nil {
		return nil, err
	}
	data, err := d.typed(t)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrMalformed)
	}
	if have := reflect.ValueOf(data).Len(); have != want {
		return nil, fmt.Errorf("%d elements for dims %v, want %d: %w", have, t.Dims, want, ErrMalformed)
	}
	return data, nil
}

// DecodeRaw gives the elements that raw data holds, little-endian, as Elements does.
func (t *TensorProto) DecodeRaw(raw []byte) (any, error) {
	want, err := t.RawLen()
	if err != nil {
		return nil, err
	}
	if len(raw) != want {
		return nil, fmt.Errorf("%d bytes of raw data for dims %v, want %d: %w", len(raw), t.Dims, want, ErrMalformed)
	}
	d, _ := t.dataType()
	data := d.make(want / d.size)
	if _, err := binary.Decode(raw, binary.LittleEndian, data); err != nil {
		return nil, fmt.Errorf("raw data: %w: %w", err, ErrMalformed)
	}
	return data, nil
}

// EncodeRaw is the raw data, little-endian, of elements of any type but string.
func EncodeRaw(data any) ([]byte, error) {
	return binary.Append([]byte{}, binary.LittleEndian, data)
}

// SetElements makes the tensor hold these elements, whose type is that of its data type: as typed data, or as raw data
// where the type has it.
func (t *TensorProto) SetElements(data any, typed bool) error {
	d, ok := t.dataType()
	if !ok {
		return fmt.Errorf("data type %v cannot be written", TensorProto_DataType(t.GetDataType()))
	}
	if want := d.make(0); reflect.TypeOf(data) != reflect.TypeOf(want) {
		return fmt.Errorf("elements of data type %v: have %T, want %T", TensorProto_DataType(t.GetDataType()), data, want)
	}
	t.FloatData, t.DoubleData, t.Int32Data, t.Int64Data, t.Uint64Data, t.StringData, t.RawData = nil, nil, nil, nil, nil,
		nil, nil
	t.ExternalData, t.DataLocation = nil, nil
	if typed || d.size == 0 {
		d.setTyped(t, data)
		return nil
	}
	raw, err := EncodeRaw(data)
	t.RawData = raw
	return err
}

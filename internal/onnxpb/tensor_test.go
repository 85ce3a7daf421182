package onnxpb

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestElements(t *testing.T) {
	tests := []struct {
		dtype TensorProto_DataType
		data  any
		raw   []byte // little-endian, by hand; nil for strings
		typed *TensorProto
	}{
		{TensorProto_FLOAT, []float32{1, -2}, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0},
			&TensorProto{FloatData: []float32{1, -2}}},
		{TensorProto_DOUBLE, []float64{1, -2}, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0},
			&TensorProto{DoubleData: []float64{1, -2}}},
		{TensorProto_INT8, []int8{1, -2}, []byte{1, 0xfe}, &TensorProto{Int32Data: []int32{1, -2}}},
		{TensorProto_INT16, []int16{1, -2}, []byte{1, 0, 0xfe, 0xff}, &TensorProto{Int32Data: []int32{1, -2}}},
		{TensorProto_INT32, []int32{1, -2}, []byte{1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff},
			&TensorProto{Int32Data: []int32{1, -2}}},
		{TensorProto_INT64, []int64{1, -2}, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			&TensorProto{Int64Data: []int64{1, -2}}},
		{TensorProto_UINT8, []uint8{1, 254}, []byte{1, 254}, &TensorProto{Int32Data: []int32{1, 254}}},
		{TensorProto_UINT16, []uint16{1, 65534}, []byte{1, 0, 0xfe, 0xff}, &TensorProto{Int32Data: []int32{1, 65534}}},
		{TensorProto_FLOAT16, []uint16{0x3c00, 0xc000}, []byte{0, 0x3c, 0, 0xc0},
			&TensorProto{Int32Data: []int32{0x3c00, 0xc000}}},
		{TensorProto_BFLOAT16, []uint16{0x3f80, 0xc000}, []byte{0x80, 0x3f, 0, 0xc0},
			&TensorProto{Int32Data: []int32{0x3f80, 0xc000}}},
		{TensorProto_UINT32, []uint32{1, math.MaxUint32}, []byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
			&TensorProto{Uint64Data: []uint64{1, math.MaxUint32}}},
		{TensorProto_UINT64, []uint64{1, 2}, []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0},
			&TensorProto{Uint64Data: []uint64{1, 2}}},
		{TensorProto_BOOL, []bool{true, false}, []byte{1, 0}, &TensorProto{Int32Data: []int32{1, 0}}},
		{TensorProto_STRING, []string{"a", "bc"}, nil, &TensorProto{StringData: [][]byte{[]byte("a"), []byte("bc")}}},
	}
	for _, test := range tests {
		t.Run(test.dtype.String(), func(t *testing.T) {
			forms := map[bool]*TensorProto{true: test.typed}
			if test.raw != nil {
				forms[false] = &TensorProto{RawData: test.raw}
			}
			for typed, m := range forms {
				m.Dims, m.DataType = []int64{2}, new(int32(test.dtype))
				got, err := m.Elements()
				if err != nil || !reflect.DeepEqual(got, test.data) {
					t.Errorf("typed %v: %T %v, %v, want %T %v", typed, got, got, err, test.data, test.data)
				}
				set := &TensorProto{Dims: m.Dims, DataType: m.DataType}
				if err := set.SetElements(test.data, typed); err != nil || !Equal(set, m) {
					t.Errorf("typed %v: written %v, %v, want %v", typed, set, err, m)
				}
			}
		})
	}
}

func TestElementsRefuses(t *testing.T) {
	float := new(int32(TensorProto_FLOAT))
	tests := []struct {
		name string
		m    *TensorProto
		want string
	}{
		{"short raw data", &TensorProto{Dims: []int64{2}, DataType: float, RawData: make([]byte, 7)},
			"7 bytes of raw data for dims [2], want 8"},
		{"no data", &TensorProto{Dims: []int64{1 << 40}, DataType: float}, "0 bytes of raw data"},
		{"long typed data", &TensorProto{Dims: []int64{2}, DataType: float, FloatData: make([]float32, 3)},
			"3 elements for dims [2], want 2"},
		{"field of another type", &TensorProto{Dims: []int64{2}, DataType: float, Int64Data: make([]int64, 2)}, "0 elements"},
		{"both", &TensorProto{Dims: []int64{1}, DataType: float, RawData: make([]byte, 4), FloatData: make([]float32, 1)},
			"as raw data and as typed data"},
		{"negative dim", &TensorProto{Dims: []int64{-1}, DataType: float, RawData: make([]byte, 4)}, "negative"},
		{"uncountable", &TensorProto{Dims: []int64{1 << 40, 1 << 40}, DataType: float}, "more elements than can be"},
		{"out of range", &TensorProto{Dims: []int64{1}, DataType: new(int32(TensorProto_UINT8)), Int32Data: []int32{256}},
			"element 0 is 256"},
		{"no data type", &TensorProto{Dims: []int64{1}, RawData: make([]byte, 4)}, "data type UNDEFINED"},
		{"raw strings", &TensorProto{Dims: []int64{1}, DataType: new(int32(TensorProto_STRING)), RawData: []byte("a")},
			"0 elements"},
		{"elsewhere", &TensorProto{Dims: []int64{1}, DataType: float, DataLocation: new(TensorProto_EXTERNAL)},
			"another file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := test.m.Elements(); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	if err := (&TensorProto{DataType: float}).SetElements([]float64{1}, false); err == nil {
		t.Error("float64 elements are written as FLOAT")
	}
}

func TestAttributeValues(t *testing.T) {
	for _, want := range []any{int64(-3), float32(0.5), "text", []int64{}, []int64{1, 2}, []float32{1},
		[]string{"a", "b"}, &TensorProto{Name: new("t")}} {
		var a AttributeProto
		if err := a.SetValue(want); err != nil {
			t.Errorf("%T: %v", want, err)
		}
		if got := a.Value(); !reflect.DeepEqual(got, want) {
			t.Errorf("%T %v, want %v", want, got, want)
		}
		a.Type = nil // as in files of IR version 1
		if got := a.Value(); !reflect.DeepEqual(got, want) && reflect.ValueOf(want).Kind() != reflect.Slice {
			t.Errorf("%T %v without a type, want %v", want, got, want)
		}
	}
	for name, a := range map[string]*AttributeProto{
		"graph":     {Type: new(AttributeProto_GRAPH), G: &GraphProto{}},
		"reference": {Type: new(AttributeProto_INT), RefAttrName: new("axis")},
		"nothing":   {},
		"two":       {I: new(int64(1)), F: new(float32(1))},
		"tensors":   {Type: new(AttributeProto_TENSORS), Tensors: []*TensorProto{{}}},
	} {
		if v := a.Value(); v != nil {
			t.Errorf("%s: value %v, want none", name, v)
		}
	}
	if err := (&AttributeProto{}).SetValue(3); err == nil {
		t.Error("an attribute takes an int")
	}
}

package graph

import (
	"fmt"
	"math"
	"slices"
)

// Tensor is a dense, row-major array. Data is a slice whose element type follows DType: []float32, []float64,
// []int8 … []uint64, []bool, []string, and []uint16 holding the bits of Float16 and BFloat16.
// Tensors are shared between graphs and never changed in place; an edit replaces the tensor.
type Tensor struct {
	DType  DType
	Dims   []int
	Data   any
	Origin any // the message it was imported from
}

// Element is what a tensor can hold.
type Element interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | bool | string
}

// NewTensor is a tensor of zeros.
func NewTensor(dtype DType, dims ...int) *Tensor {
	n := Product(dims)
	t := &Tensor{DType: dtype, Dims: slices.Clone(dims)}
	switch dtype {
	case Float32:
		t.Data = make([]float32, n)
	case Float64:
		t.Data = make([]float64, n)
	case Int8:
		t.Data = make([]int8, n)
	case Int16:
		t.Data = make([]int16, n)
	case Int32:
		t.Data = make([]int32, n)
	case Int64:
		t.Data = make([]int64, n)
	case Uint8:
		t.Data = make([]uint8, n)
	case Uint16, Float16, BFloat16:
		t.Data = make([]uint16, n)
	case Uint32:
		t.Data = make([]uint32, n)
	case Uint64:
		t.Data = make([]uint64, n)
	case Bool:
		t.Data = make([]bool, n)
	case String:
		t.Data = make([]string, n)
	default:
		panic(fmt.Sprintf("graph: NewTensor of %v", dtype))
	}
	return t
}

// FromFloat32 wraps data, without copying, as a tensor of these dims.
func FromFloat32(dims []int, data []float32) *Tensor { return wrap(Float32, dims, data) }

// FromFloat64 wraps data, without copying, as a tensor of these dims.
func FromFloat64(dims []int, data []float64) *Tensor { return wrap(Float64, dims, data) }

// FromInt64 wraps data, without copying, as a tensor of these dims.
func FromInt64(dims []int, data []int64) *Tensor { return wrap(Int64, dims, data) }

// FromBool wraps data, without copying, as a tensor of these dims.
func FromBool(dims []int, data []bool) *Tensor { return wrap(Bool, dims, data) }

func wrap[T Element](dtype DType, dims []int, data []T) *Tensor {
	if Product(dims) != len(data) {
		panic(fmt.Sprintf("graph: %d elements for a tensor of %v", len(data), dims))
	}
	return &Tensor{DType: dtype, Dims: slices.Clone(dims), Data: data}
}

// Ints is a rank-1 int64 tensor, the form of shapes and axes.
func Ints(v ...int64) *Tensor {
	return FromInt64([]int{len(v)}, append([]int64{}, v...)) // not nil, which would say: no integers
}

// Scalar is a rank-0 tensor holding v converted to a numeric or bool dtype.
func Scalar(dtype DType, v float64) *Tensor { return FromValues(dtype, nil, []float64{v}) }

// FromValues is a tensor of any numeric or bool dtype with each value converted as by a Go conversion.
func FromValues(dtype DType, dims []int, v []float64) *Tensor {
	t := NewTensor(dtype, dims...)
	switch d := t.Data.(type) {
	case []float32:
		convert(d, v)
	case []float64:
		convert(d, v)
	case []int8:
		convert(d, v)
	case []int16:
		convert(d, v)
	case []int32:
		convert(d, v)
	case []int64:
		convert(d, v)
	case []uint8:
		convert(d, v)
	case []uint16:
		for i := range d {
			d[i] = toHalf(dtype, v[i])
		}
	case []uint32:
		convert(d, v)
	case []uint64:
		convert(d, v)
	case []bool:
		for i := range d {
			d[i] = v[i] != 0
		}
	}
	return t
}

type number interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

func convert[D, S number](dst []D, src []S) {
	for i := range dst {
		dst[i] = D(src[i])
	}
}

func values[S number](src []S) []float64 {
	dst := make([]float64, len(src))
	convert(dst, src)
	return dst
}

// Values gives the elements as float64, a copy; bools are 0 and 1, strings give nil.
// int64 elements beyond 2⁵³ lose precision: use [Tensor.Int64s] for them.
func (t *Tensor) Values() []float64 {
	switch d := t.Data.(type) {
	case []float32:
		return values(d)
	case []float64:
		return slices.Clone(d)
	case []int8:
		return values(d)
	case []int16:
		return values(d)
	case []int32:
		return values(d)
	case []int64:
		return values(d)
	case []uint8:
		return values(d)
	case []uint16:
		v := make([]float64, len(d))
		for i := range d {
			v[i] = fromHalf(t.DType, d[i])
		}
		return v
	case []uint32:
		return values(d)
	case []uint64:
		return values(d)
	case []bool:
		v := make([]float64, len(d))
		for i, b := range d {
			if b {
				v[i] = 1
			}
		}
		return v
	}
	return nil
}

// Int64s gives the elements of an integer tensor, nil for any other.
func (t *Tensor) Int64s() []int64 {
	switch d := t.Data.(type) {
	case []int64:
		return d
	case []int32:
		v := make([]int64, len(d))
		convert(v, d)
		return v
	}
	return nil
}

// Float32s gives the elements of a Float32 tensor, shared, and nil for any other.
func (t *Tensor) Float32s() []float32 {
	d, _ := t.Data.([]float32)
	return d
}

// Len is the number of elements.
func (t *Tensor) Len() int { return Product(t.Dims) }

// Bytes is the size of the elements in bytes.
func (t *Tensor) Bytes() int64 { return int64(t.Len()) * int64(t.DType.Size()) }

// Shape is the tensor's shape.
func (t *Tensor) Shape() Shape { return Dims(t.Dims...) }

// Clone is a deep copy without the Origin.
func (t *Tensor) Clone() *Tensor {
	c := &Tensor{DType: t.DType, Dims: slices.Clone(t.Dims)}
	switch d := t.Data.(type) {
	case []float32:
		c.Data = slices.Clone(d)
	case []float64:
		c.Data = slices.Clone(d)
	case []int8:
		c.Data = slices.Clone(d)
	case []int16:
		c.Data = slices.Clone(d)
	case []int32:
		c.Data = slices.Clone(d)
	case []int64:
		c.Data = slices.Clone(d)
	case []uint8:
		c.Data = slices.Clone(d)
	case []uint16:
		c.Data = slices.Clone(d)
	case []uint32:
		c.Data = slices.Clone(d)
	case []uint64:
		c.Data = slices.Clone(d)
	case []bool:
		c.Data = slices.Clone(d)
	case []string:
		c.Data = slices.Clone(d)
	}
	return c
}

// Take keeps these positions of one axis, in the order given.
func (t *Tensor) Take(axis int, index []int) *Tensor {
	dims := slices.Clone(t.Dims)
	dims[axis] = len(index)
	c := NewTensor(t.DType, dims...)
	switch d := t.Data.(type) {
	case []float32:
		take(c.Data.([]float32), d, t.Dims, axis, index)
	case []float64:
		take(c.Data.([]float64), d, t.Dims, axis, index)
	case []int8:
		take(c.Data.([]int8), d, t.Dims, axis, index)
	case []int16:
		take(c.Data.([]int16), d, t.Dims, axis, index)
	case []int32:
		take(c.Data.([]int32), d, t.Dims, axis, index)
	case []int64:
		take(c.Data.([]int64), d, t.Dims, axis, index)
	case []uint8:
		take(c.Data.([]uint8), d, t.Dims, axis, index)
	case []uint16:
		take(c.Data.([]uint16), d, t.Dims, axis, index)
	case []uint32:
		take(c.Data.([]uint32), d, t.Dims, axis, index)
	case []uint64:
		take(c.Data.([]uint64), d, t.Dims, axis, index)
	case []bool:
		take(c.Data.([]bool), d, t.Dims, axis, index)
	case []string:
		take(c.Data.([]string), d, t.Dims, axis, index)
	}
	return c
}

func take[T Element](dst, src []T, dims []int, axis int, index []int) {
	inner := Product(dims[axis+1:])
	for outer := range Product(dims[:axis]) {
		for k, i := range index {
			copy(dst[(outer*len(index)+k)*inner:][:inner], src[(outer*dims[axis]+i)*inner:][:inner])
		}
	}
}

// Reshaped is the same data under other dims of equal product.
func (t *Tensor) Reshaped(dims ...int) *Tensor {
	if Product(dims) != t.Len() {
		panic(fmt.Sprintf("graph: reshape of %v to %v", t.Dims, dims))
	}
	return &Tensor{DType: t.DType, Dims: slices.Clone(dims), Data: t.Data}
}

func (t *Tensor) String() string { return fmt.Sprintf("%v%v", t.DType, t.Shape()) }

// fromHalf decodes the bits of a Float16 or BFloat16; Uint16 is the number itself.
func fromHalf(dtype DType, bits uint16) float64 {
	switch dtype {
	case BFloat16:
		return float64(math.Float32frombits(uint32(bits) << 16))
	case Float16:
		sign, exp, frac := 1.0, int(bits>>10&31), float64(bits&1023)
		if bits>>15 == 1 {
			sign = -1
		}
		switch {
		case exp == 31 && frac == 0:
			return math.Inf(int(sign))
		case exp == 31:
			return math.NaN()
		case exp == 0:
			return sign * math.Ldexp(frac, -24)
		}
		return sign * math.Ldexp(1024+frac, exp-25)
	}
	return float64(bits)
}

// toHalf encodes to the nearest Float16 or BFloat16, ties to even; Uint16 is the number itself.
func toHalf(dtype DType, v float64) uint16 {
	switch dtype {
	case BFloat16:
		bits := math.Float32bits(float32(v))
		if math.IsNaN(v) {
			return uint16(bits>>16) | 64
		}
		return uint16((bits + 0x7fff + bits>>16&1) >> 16)
	case Float16:
		sign := uint16(math.Float64bits(v) >> 48 & 0x8000)
		a := math.Abs(v)
		switch {
		case math.IsNaN(v):
			return sign | 0x7e00
		case a >= 65520:
			return sign | 0x7c00
		case a < 0x1p-14:
			return sign | uint16(math.RoundToEven(a*0x1p24))
		}
		frac, exp := math.Frexp(a) // a = frac·2^exp, frac in [0.5, 1)
		// a carry out of the fraction raises the exponent
		return sign + uint16(exp+13)<<10 + uint16(math.RoundToEven(frac*2048))
	}
	return uint16(v)
}

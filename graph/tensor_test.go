package graph

import (
	"math"
	"slices"
	"testing"
)

// Every float16 and bfloat16 number survives decoding and encoding; NaNs stay NaNs.
func TestHalfRoundTrip(t *testing.T) {
	for _, dtype := range []DType{Float16, BFloat16} {
		for bits := range 1 << 16 {
			v := fromHalf(dtype, uint16(bits))
			again := fromHalf(dtype, toHalf(dtype, v))
			if again != v && !(math.IsNaN(v) && math.IsNaN(again)) {
				t.Fatalf("%v %#04x = %v comes back as %v", dtype, bits, v, again)
			}
		}
	}
}

func TestHalfValues(t *testing.T) {
	for _, c := range []struct {
		dtype DType
		v     float64
		bits  uint16
	}{
		{Float16, 1, 0x3c00}, {Float16, -2, 0xc000}, {Float16, 65504, 0x7bff}, {Float16, 65520, 0x7c00},
		{Float16, 0x1p-24, 0x0001},
		{Float16, 0x1p-14, 0x0400}, {Float16, 1 + 0x1p-11, 0x3c00}, {Float16, 1 + 3*0x1p-11, 0x3c02}, // ties to even
		{Float16, math.Inf(-1), 0xfc00}, {Float16, 2 - 0x1p-12, 0x4000}, // carries into the exponent
		{BFloat16, 1, 0x3f80}, {BFloat16, -3.140625, 0xc049}, {BFloat16, 1 + 0x1p-8, 0x3f80}, {BFloat16, math.Inf(1), 0x7f80},
	} {
		if got := toHalf(c.dtype, c.v); got != c.bits {
			t.Errorf("%v of %v is %#04x: want %#04x", c.dtype, c.v, got, c.bits)
		}
	}
}

func TestTake(t *testing.T) {
	x := FromInt64([]int{2, 3, 2}, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	for _, c := range []struct {
		axis  int
		index []int
		dims  []int
		want  []int64
	}{
		{0, []int{1}, []int{1, 3, 2}, []int64{6, 7, 8, 9, 10, 11}},
		{1, []int{2, 0}, []int{2, 2, 2}, []int64{4, 5, 0, 1, 10, 11, 6, 7}},
		{2, []int{1}, []int{2, 3, 1}, []int64{1, 3, 5, 7, 9, 11}},
		{1, nil, []int{2, 0, 2}, []int64{}},
	} {
		got := x.Take(c.axis, c.index)
		if !slices.Equal(got.Dims, c.dims) || !slices.Equal(got.Int64s(), c.want) {
			t.Errorf("axis %d, %v: got %v %v", c.axis, c.index, got.Dims, got.Int64s())
		}
	}
}

// Every dtype can be made, filled, copied and read back.
func TestTensorOfEveryDType(t *testing.T) {
	for dtype := range dtypes {
		x := NewTensor(dtype, 2, 2)
		if dtype != String {
			x = FromValues(dtype, []int{2, 2}, []float64{0, 1, 1, 0})
			if got := x.Clone().Take(0, []int{1}).Values(); !slices.Equal(got, []float64{1, 0}) {
				t.Errorf("%v: second row is %v", dtype, got)
			}
		}
		if x.Clone().Len() != 4 || x.Bytes() != int64(4*dtype.Size()) {
			t.Errorf("%v: %v elements, %d bytes", dtype, x.Clone().Len(), x.Bytes())
		}
	}
}

package dataset

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/ildc/ildc/graph"
)

// readTensor reads the elements of a tensor. Memory grows with what r really holds, not with what dims promise.
func readTensor(r io.Reader, dtype graph.DType, dims []int, order binary.ByteOrder, limit int64,
) (*graph.Tensor, error) {
	n, ok := elements(dims)
	if !ok {
		return nil, fmt.Errorf("impossible extents %v", dims)
	}
	size := n * int64(dtype.Size())
	if size > limit {
		return nil, fmt.Errorf("%v%v takes %d bytes: the limit is %d", dtype, dims, size, limit)
	}
	const chunk = 1 << 24
	raw := make([]byte, 0, min(size, chunk))
	for int64(len(raw)) < size {
		at := len(raw)
		raw = append(raw, make([]byte, min(size-int64(at), max(chunk, int64(at))))...)
		if k, err := io.ReadFull(r, raw[at:]); err != nil {
			return nil, fmt.Errorf("it ends after %d of the %d bytes of %v%v: %w", at+k, size, dtype, dims, err)
		}
	}
	if dtype == graph.Uint8 {
		return &graph.Tensor{DType: dtype, Dims: dims, Data: raw}, nil
	}
	t := graph.NewTensor(dtype, dims...)
	if _, err := binary.Decode(raw, order, t.Data); err != nil {
		return nil, err
	}
	return t, nil
}

// elements is the product of extents; ok is false where one is negative, or the bytes of so many elements cannot be
// counted.
func elements(dims []int) (n int64, ok bool) {
	n = 1
	for _, d := range dims {
		if d < 0 || d > 0 && n > math.MaxInt64/int64(d)/8 {
			return 0, false
		}
		n *= int64(d)
	}
	return n, true
}

// classes turns a tensor [N] or [N,1] of whole numbers into labels.
func classes(t *graph.Tensor) ([]int, error) {
	if len(t.Dims) == 0 || t.Len() != t.Dims[0] {
		return nil, fmt.Errorf("labels %v: want one per sample", t)
	}
	labels := make([]int, t.Len())
	for i, v := range t.Values() {
		if v != math.Trunc(v) || v < NoLabel || v > maxClass {
			return nil, fmt.Errorf("label %g of sample %d: want a class, a whole number from 0 to %d", v, i, maxClass)
		}
		labels[i] = int(v)
	}
	return labels, nil
}

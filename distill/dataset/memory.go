package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Memory is a dataset whose samples are the rows of arrays in memory.
type Memory struct {
	spec   Spec
	arrays []*graph.Tensor // [N, feature dims…], one per feature
	labels []int           // nil where there are none
	n      int
}

// Array is a named array of N samples.
type Array struct {
	Name   string
	Tensor *graph.Tensor // [N,…]
}

// maxClass bounds labels, since one-hot rows are as wide as the largest one.
const maxClass = 1 << 20

// FromTensors is a dataset of arrays [N,…], which are shared. labels holds N classes, or is nil.
// An array of bytes [N,H,W], [N,H,W,1] or [N,H,W,3] is taken for images.
func FromTensors(labels []int, arrays ...Array) (*Memory, error) {
	m, err := fromArrays(labels, arrays)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	return m, nil
}

func fromArrays(labels []int, arrays []Array) (*Memory, error) {
	if len(arrays) == 0 {
		return nil, errors.New("no arrays")
	}
	m := &Memory{labels: labels}
	var errs []error
	for i, a := range arrays {
		t := a.Tensor
		switch {
		case len(t.Dims) == 0:
			errs = append(errs, fmt.Errorf("array %q is a scalar: want a leading axis over the samples", a.Name))
			continue
		case t.DType == graph.String:
			errs = append(errs, fmt.Errorf("array %q holds strings: want numbers", a.Name))
		case i == 0:
			m.n = t.Dims[0]
		case t.Dims[0] != m.n:
			errs = append(errs, fmt.Errorf("array %q %v has %d samples, %q has %d", a.Name, t, t.Dims[0], arrays[0].Name, m.n))
		}
		f := Feature{Name: a.Name, DType: t.DType, Dims: slices.Clone(t.Dims[1:])}
		if dims, ok := imageDims(t); ok {
			f.Image, f.Dims = true, dims
			t = t.Reshaped(append([]int{t.Dims[0]}, dims...)...)
		}
		m.spec.Features = append(m.spec.Features, f)
		m.arrays = append(m.arrays, t)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if m.n == 0 {
		return nil, errors.New("there are no samples")
	}
	if labels == nil {
		return m, nil
	}
	if len(labels) != m.n {
		return nil, fmt.Errorf("%d labels for %d samples", len(labels), m.n)
	}
	for i, l := range labels {
		if l < NoLabel || l > maxClass {
			return nil, fmt.Errorf("label %d of sample %d: want a class from 0 to %d", l, i, maxClass)
		}
		m.spec.Classes = max(m.spec.Classes, l+1)
	}
	return m, nil
}

// imageDims gives [H,W,C] where an array [N,…] looks like images.
func imageDims(t *graph.Tensor) ([]int, bool) {
	d := t.Dims
	switch {
	case t.DType != graph.Uint8:
	case len(d) == 3:
		return []int{d[1], d[2], 1}, true
	case len(d) == 4 && (d[3] == 1 || d[3] == 3):
		return slices.Clone(d[1:]), true
	}
	return nil, false
}

// Len is the number of samples.
func (m *Memory) Len() int { return m.n }

// Spec describes the samples.
func (m *Memory) Spec() Spec { return m.spec }

// Sample gives sample i, whose tensors share the arrays' memory.
func (m *Memory) Sample(i int) (Sample, error) {
	if i < 0 || i >= m.n {
		return Sample{}, fmt.Errorf("dataset: sample %d of %d", i, m.n)
	}
	s := Sample{Features: make([]*graph.Tensor, len(m.arrays)), Label: NoLabel}
	for k, a := range m.arrays {
		s.Features[k] = row(a, i)
	}
	if m.labels != nil {
		s.Label = m.labels[i]
	}
	return s, nil
}

// row is t[i], sharing memory.
func row(t *graph.Tensor, i int) *graph.Tensor {
	r := &graph.Tensor{DType: t.DType, Dims: t.Dims[1:]}
	n := graph.Product(r.Dims)
	switch d := t.Data.(type) {
	case []float32:
		r.Data = d[i*n:][:n]
	case []float64:
		r.Data = d[i*n:][:n]
	case []int8:
		r.Data = d[i*n:][:n]
	case []int16:
		r.Data = d[i*n:][:n]
	case []int32:
		r.Data = d[i*n:][:n]
	case []int64:
		r.Data = d[i*n:][:n]
	case []uint8:
		r.Data = d[i*n:][:n]
	case []uint16:
		r.Data = d[i*n:][:n]
	case []uint32:
		r.Data = d[i*n:][:n]
	case []uint64:
		r.Data = d[i*n:][:n]
	case []bool:
		r.Data = d[i*n:][:n]
	}
	return r
}

// fingerprint hashes every element.
func (m *Memory) fingerprint(h hash.Hash) error {
	for i := range m.n {
		for _, a := range m.arrays {
			if err := binary.Write(h, binary.LittleEndian, row(a, i).Data); err != nil {
				return err
			}
		}
	}
	fmt.Fprintln(h, m.labels)
	return nil
}

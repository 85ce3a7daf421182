package dataset

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/ildc/ildc/graph"
)

// A sample is a row of its array, whatever the dtype, and shares its memory.
func TestMemorySamples(t *testing.T) {
	for _, dtype := range []graph.DType{
		graph.Float32, graph.Float64, graph.Int8, graph.Int16, graph.Int32, graph.Int64, graph.Uint8, graph.Uint16,
		graph.Uint32, graph.Uint64, graph.Bool,
	} {
		t.Run(dtype.String(), func(t *testing.T) {
			all := graph.FromValues(dtype, []int{3, 2}, []float64{0, 0, 0, 0, 1, 0})
			m, err := FromTensors(nil, Array{"x", all})
			if err != nil {
				t.Fatal(err)
			}
			s, err := m.Sample(2)
			if err != nil {
				t.Fatal(err)
			}
			got := s.Features[0]
			if got.DType != dtype || !reflect.DeepEqual(got.Dims, []int{2}) ||
				!reflect.DeepEqual(got.Values(), []float64{1, 0}) {
				t.Errorf("sample 2 is %v: %v, want [1 0]", got, got.Values())
			}
			reflect.Swapper(all.Data)(4, 5)
			if got.Values()[1] != 1 {
				t.Errorf("sample 2 does not share the array's memory: %v", got.Values())
			}
		})
	}
	if _, err := FromTensors(nil); err == nil {
		t.Error("a dataset of no arrays")
	}
}

// Arrays of images take the size and the channels of the options; arrays of other things stay as they are.
func TestConform(t *testing.T) {
	pixels := make([]byte, 2*4*6)
	for i := range pixels {
		pixels[i] = 90
	}
	open := func(shape string, o Options) (Feature, *graph.Tensor, error) {
		o.Holdout = 1
		d, err := Open(t.Context(), filepath.Join(write(t,
			map[string][]byte{"d.npy": npyFile(npyHeaderText("|u1", shape), pixels)}), "d.npy"), o)
		if err != nil {
			return Feature{}, nil, err
		}
		s, err := d.Test.Sample(0)
		if err != nil {
			t.Fatal(err)
		}
		return d.Test.Spec().Features[0], s.Features[0], nil
	}
	for _, c := range []struct {
		name, shape string
		o           Options
		dims        []int
	}{
		{"as they are", "(2, 4, 6)", Options{}, []int{4, 6, 1}},
		{"of the size wanted", "(2, 4, 6)", Options{Height: 4, Width: 6}, []int{4, 6, 1}},
		{"resized", "(2, 4, 6)", Options{Height: 3, Width: 5}, []int{3, 5, 1}},
		{"in colour", "(2, 4, 6)", Options{Channels: 3}, []int{4, 6, 3}},
		{"resized, in colour", "(2, 4, 6)", Options{Height: 8, Width: 2, Channels: 3}, []int{8, 2, 3}},
		{"no images", "(2, 24)", Options{Height: 3, Width: 5}, []int{24}},
	} {
		f, x, err := open(c.shape, c.o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !reflect.DeepEqual(f.Dims, c.dims) || !reflect.DeepEqual(x.Dims, c.dims) {
			t.Errorf("%s: %v, samples of %v, want %v", c.name, f, x.Dims, c.dims)
		}
		for i, v := range x.Values() {
			if v != 90 { // one colour stays one
				t.Errorf("%s: element %d is %v, want 90", c.name, i, v)
			}
		}
	}
	_, _, err := open("(2, 4, 6)", Options{Height: 100, Width: 100, MaxBytes: 1000})
	wantError(t, err, "2 images of 100×100×1 take more than 1000 bytes")
	_, _, err = open("(1, 0, 5)", Options{Height: 3, Width: 3})
	wantError(t, err, "cannot be resized")
}

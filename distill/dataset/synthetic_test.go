package dataset

import (
	"math"
	"reflect"
	"testing"

	"github.com/ildc/ildc/graph"
)

func TestSynthetic(t *testing.T) {
	inputs := []*graph.Value{
		{Name: "planar", DType: graph.Float32, Shape: graph.Dims(1, 3, 16, 20)},
		{Name: "interleaved", DType: graph.Float16, Shape: graph.Shape{graph.Sym("n"), graph.D(16), graph.D(20), graph.D(3)}},
		{Name: "deep", DType: graph.Float64, Shape: graph.Dims(1, 8, 5, 6)},
		{Name: "table", DType: graph.Float32, Shape: graph.Dims(1, 16)},
		{Name: "ids", DType: graph.Int64, Shape: graph.Dims(1, 12)},
		{Name: "mask", DType: graph.Bool, Shape: graph.Dims(1, 12)},
	}
	for _, pixels := range []bool{false, true} {
		o := SyntheticOptions{N: 40, Seed: 5, Pixels: pixels, Below: map[string]int64{"ids": 1000}}
		ds, err := Synthetic(inputs, o)
		if err != nil {
			t.Fatal(err)
		}
		if s := ds.Spec(); !s.Synthetic || s.Classes != 0 || ds.Len() != 40 {
			t.Fatalf("%d samples of %+v", ds.Len(), s)
		}
		b, err := Bind(ds.Spec(), inputs, Preprocess{})
		if err != nil {
			t.Fatal(err)
		}
		batch := first(t, ds, LoaderOptions{Batch: 40, Bindings: []*Binding{b}})
		for _, in := range inputs {
			x := batch.Inputs[in.Name]
			if x.DType != in.DType || !reflect.DeepEqual(x.Dims[1:], in.Shape[1:].Sizes()) {
				t.Errorf("input %q is %v: want %v%v", in.Name, x, in.DType, in.Shape)
			}
		}
		// All the samples of an image together are 1.2 times interpolated normal values and noise, so of mean 0 and a
		// deviation near 1; bounds are wide, and the seed is fixed.
		mean, deviation := moments(batch.Inputs["planar"].Values())
		wantMean, wantDeviation := 0., 1.
		if pixels {
			wantMean, wantDeviation = 128, 50
		}
		if math.Abs(mean-wantMean) > 0.2*wantDeviation || math.Abs(deviation/wantDeviation-1) > 0.3 {
			t.Errorf("pixels %v: mean %g, deviation %g", pixels, mean, deviation)
		}
		var largest float64
		for _, v := range batch.Inputs["ids"].Values() {
			largest = max(largest, v)
			if v < 0 || v > 999 {
				t.Errorf("id %g: want 0 to 999", v)
			}
		}
		if largest < 900 { // 480 draws below 1000
			t.Errorf("the largest id is %g", largest)
		}
		again, err := Synthetic(inputs, o)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := first(t, again, LoaderOptions{Batch: 40, Bindings: []*Binding{b}}), batch; !reflect.DeepEqual(a, b) {
			t.Error("the same seed gives other samples")
		}
	}
}

// TestSyntheticIsSmooth checks that neighbouring pixels of images are alike, but for every fourth image, which is
// noise.
func TestSyntheticIsSmooth(t *testing.T) {
	ds, err := Synthetic(input(graph.Float32, graph.Dims(1, 1, 32, 32)), SyntheticOptions{N: 8})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		s, err := ds.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		v := s.Features[0].Values()
		_, deviation := moments(v)
		var steps float64
		for k := range v[1:] {
			steps += (v[k+1] - v[k]) * (v[k+1] - v[k]) / float64(len(v)-1)
		}
		// independent values differ by √2 deviations
		if smooth := math.Sqrt(steps) < 0.9*deviation; smooth != (i%4 != 3) {
			t.Errorf("sample %d: neighbours differ by %.2g deviations", i, math.Sqrt(steps)/deviation)
		}
	}
}

func moments(v []float64) (mean, deviation float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		deviation += (x - mean) * (x - mean) / float64(len(v))
	}
	return mean, math.Sqrt(deviation)
}

func TestSyntheticErrors(t *testing.T) {
	_, err := Synthetic([]*graph.Value{
		{Name: "a", DType: graph.String, Shape: graph.Dims(1)},
		{Name: "b", DType: graph.Float32, Shape: graph.Shape{graph.Sym("n"), graph.Sym("length")}},
		{Name: "c", DType: graph.Float32},
		{Name: "d", DType: graph.Float32, Shape: graph.Dims(1, 1<<20, 1<<20)},
		{Name: "e", DType: graph.Float32, Shape: graph.Dims(1, 1<<32, 1<<32, 1)},
	}, SyntheticOptions{N: -1})
	wantError(t, err, `"a"`, `"b"`, "[n,length]", `"c"`, "batch axis", `"d"`, `"e"`, "-1 synthetic")
}

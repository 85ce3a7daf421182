package dataset

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ildc/ildc/graph"
)

func TestMixup(t *testing.T) {
	x, k := graph.NewTensor(graph.Float32, 8, 3), graph.NewTensor(graph.Int64, 8, 1)
	var labels []int
	for i := range 8 {
		for j := range 3 {
			x.Float32s()[i*3+j] = float32(10*i + j)
		}
		k.Int64s()[i] = int64(i)
		labels = append(labels, i%4)
	}
	data, err := FromTensors(labels, Array{"x", x}, Array{"k", k})
	if err != nil {
		t.Fatal(err)
	}
	inputs := []*graph.Value{{Name: "x", DType: graph.Float32, Shape: graph.Dims(8, 3)},
		{Name: "k", DType: graph.Int64, Shape: graph.Dims(8, 1)}}
	bind, err := Bind(data.Spec(), inputs, Preprocess{})
	if err != nil {
		t.Fatal(err)
	}
	loader, err := NewLoader(data, LoaderOptions{Batch: 8, Bindings: []*Binding{bind}, Train: true, OneHot: "labels",
		Augment: Augment{Mixup: 1}, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	mixed := 0
	for b, err := range loader.Batches(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Step == 5 {
			break
		}
		for i, index := range b.Index {
			row := b.Inputs["x"].Float32s()[i*3:][:3]
			if b.Inputs["k"].Int64s()[i] != int64(index) {
				t.Errorf("integers of sample %d are mixed", index)
			}
			// What is added to the first element is added to the others, for all of a sample is mixed in one way.
			for j, v := range row {
				if math.Abs(float64(v-row[0])-float64(j)) > 1e-4 {
					t.Errorf("sample %d became %v", index, row)
				}
			}
			if math.Abs(float64(row[0])-float64(10*index)) > 1e-4 {
				mixed++
			}
			sum := float32(0)
			for _, v := range b.Inputs["labels"].Float32s()[i*4:][:4] {
				sum += v
			}
			if math.Abs(float64(sum-1)) > 1e-6 {
				t.Errorf("labels of sample %d add up to %v", index, sum)
			}
		}
	}
	if mixed < 20 {
		t.Errorf("%d of 40 samples are mixed", mixed)
	}
}

// TestBeta compares mean and variance of draws with those of Beta(α,α), 1/2 and 1/(4(2α+1)); 20,000 draws leave a
// deviation below 0.004.
func TestBeta(t *testing.T) {
	for _, alpha := range []float64{0.2, 1, 3} {
		r := rand.New(rand.NewPCG(1, 2))
		const n = 20000
		sum, squares := 0.0, 0.0
		for range n {
			x := beta(r, alpha)
			sum, squares = sum+x, squares+x*x
		}
		mean := sum / n
		if variance, want := squares/n-mean*mean, 1/(4*(2*alpha+1)); math.Abs(mean-0.5) > 0.015 ||
			math.Abs(variance-want) > 0.01 {
			t.Errorf("alpha %g: mean %g, variance %g, want %g", alpha, mean, variance, want)
		}
	}
}

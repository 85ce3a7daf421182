package dataset_test

import (
	"context"
	"fmt"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
)

// A folder of IDX files becomes batches for a model whose input is [N,1,8,8].
func Example() {
	ctx := context.Background()
	data, err := dataset.Open(ctx, "../../testdata/digits/data", dataset.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	inputs := []*graph.Value{{Name: "input", DType: graph.Float32,
		Shape: graph.Shape{graph.Sym("batch"), graph.D(1), graph.D(8), graph.D(8)}}}
	preprocess, err := dataset.ParsePreprocess("unit")
	if err != nil {
		fmt.Println(err)
		return
	}
	binding, err := dataset.Bind(data.Train.Spec(), inputs, preprocess)
	if err != nil {
		fmt.Println(err)
		return
	}
	train, validation, err := dataset.Split(data.Train, 0.1, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	loader, err := dataset.NewLoader(train, dataset.LoaderOptions{
		Batch: 64, Train: true, Augment: dataset.Augment{Pad: 1}, Bindings: []*dataset.Binding{binding}, OneHot: "label",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(train.Len(), validation.Len(), data.Test.Len(), "samples,", loader.Steps(), "steps")
	for batch, err := range loader.Batches(ctx, 0) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(batch.Inputs["input"], batch.Inputs["label"])
		break
	}
	// Output:
	// 1293 144 360 samples, 20 steps
	// float32[64,1,8,8] float32[64,10]
}

// A model with two inputs is fed from arrays of their names.
func ExampleFromTensors() {
	ds, err := dataset.FromTensors([]int{1, 0},
		dataset.Array{Name: "ids", Tensor: graph.FromInt64([]int{2, 3}, []int64{5, 6, 7, 8, 9, 10})},
		dataset.Array{Name: "mask", Tensor: graph.FromBool([]int{2, 3}, []bool{true, true, true, true, true, false})})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ds.Len(), "samples of", ds.Spec().Classes, "classes")
	fmt.Println(ds.Spec().Features)
	// Output:
	// 2 samples of 2 classes
	// ["ids" int64[3] "mask" bool[3]]
}

func ExampleParsePreprocess() {
	p, err := dataset.ParsePreprocess("unit mean=0.5 std=0.25 layout=nhwc")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p)
	// Output:
	// scale=0.00392156862745098 mean=0.5 std=0.25 layout=nhwc
}

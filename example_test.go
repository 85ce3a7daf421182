package ildc_test

import (
	"context"
	"fmt"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
)

func ExampleCompress() {
	result, err := ildc.Compress(context.Background(), ildc.Options{
		Teacher: ildc.File("testdata/digits/teacher.onnx"),
		Data:    ildc.Data{Path: "testdata/digits/data", Preprocess: dataset.Preprocess{Scale: 1. / 16}},
		Budget:  "macs=0.5x",
		Train:   distill.Options{Steps: 15},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("half the multiply-adds:", 2*result.Student.MACs <= result.Teacher.MACs)
	lost := *result.Teacher.Metrics.Accuracy - *result.Student.Metrics.Accuracy
	fmt.Println("at most 2 points less accurate:", lost < 0.02)
	// Output:
	// half the multiply-adds: true
	// at most 2 points less accurate: true
}

func ExamplePlan() {
	result, err := ildc.Plan(context.Background(), ildc.Options{
		Teacher: ildc.File("testdata/digits/teacher.onnx"), Budget: "params=0.3x"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range result.Pairs {
		fmt.Println(p.Teacher, "teaches", p.Student)
	}
	// Output:
	// /blocks/blocks.1/Relu_1_output_0 teaches /blocks/blocks.1/Relu_1_output_0
	// /blocks/blocks.3/Relu_1_output_0 teaches /blocks/blocks.3/Relu_1_output_0
}

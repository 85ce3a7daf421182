package golden_test

import (
	"context"
	"fmt"

	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/golden"
)

// The digits teacher with its batch norm folded still gives what PyTorch gave for the original.
func ExampleCheck() {
	r, err := golden.Check(context.Background(), "../testdata/digits/teacher_folded.onnx", "../testdata/digits",
		enginetest.Reference{}, golden.Options{RelTol: 1e-3, AbsTol: 1e-4})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(r)
	// Output:
	// ../testdata/digits/teacher_folded.onnx: 1 of 1 outputs as recorded (cases: 1)
}

// Package ildc makes a pretrained ONNX model smaller: it imports the teacher, generates a smaller student from it,
// aligns the teacher's intermediate nodes with the student's, trains the student to reproduce the teacher's outputs and
// intermediate representations, and exports the student to ONNX.
//
// [Compress] is the whole pipeline as one call, [Plan] its first half: student and alignment, without training.
// [RunStudy] compares ways to train. Of a model, [Evaluate] measures how good it is, [Bench] how fast, [Inspect] and
// [Survey] tell what can be done with it, and [RecordGolden] keeps what it computes. [OpenEngine] finds what to run on.
//
//	result, err := ildc.Compress(ctx, ildc.Options{
//		Teacher: ildc.File("teacher.onnx"),
//		Data:    ildc.Data{Path: "data", Preprocess: dataset.Preprocess{Scale: 1. / 255}},
//		Budget:  "macs=0.5x",
//		Output:  "student.onnx",
//	})
//
// Calls are independent of each other: several may run at once in one process. Errors are told apart with
// errors.Is and errors.As: [ErrDeclined], [ErrInterrupted], [ErrTeacherNearChance], [ErrMemory], [ErrVerification],
// [models.ErrInfeasible]; those of [OpenEngine]: [ErrNoSuchEngine], [ErrNoSuchDevice], library.ErrNotFound,
// ort.ErrUnavailable, and engine.ErrUnsupported where a device cannot be had.
package ildc

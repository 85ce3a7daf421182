// Package pipeline compresses a model in stages. Each stage is a function that takes values and gives a value; none
// changes what it was given. [Compress] is the list of them, in their order:
//
//	Load     a Source            → Model       bytes, imported
//	Open     Model, data         → Data        samples in parts, bound to the models' inputs
//	Analyse  Model, sizes        → Model       what of it can be run and trained; or it is declined
//	Choose   Model, Data         → Student     generated to the budget, or the caller's
//	Align    Model, Student      → Alignment   who teaches whom
//	Train    all of these        → Trained     the state that validated best
//	Export   Trained             → File        ONNX bytes, read back
//	Verify   File                → Verification  run, and compared with what was trained
//	Measure  File, Data          → Measured    both models on the part that nothing was chosen on
//	Check    File, Measured      → Checked     what was asked against what was reached
//
// A new stage is a file here and a line there. What stages run on, and whom they tell, is a [Host]. [Job] is what a
// caller wants, checked: the facade makes one of its options.
package pipeline

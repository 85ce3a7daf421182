// Package pipeline compresses a model in stages. Each stage is a function that takes values and gives a value; none
// changes what it was given. [Compress] is the list of them, in their order:
//
//	Load        a Source           → Model         bytes, imported
//	Open        Samples, Model     → Data          what is given, in parts, bound to the models' inputs
//	Analyse     Model, Data        → Model         what of it can be run and trained; or it is declined
//	Synthesise  Samples, Model     → Data          made up, where none is given
//	Choose      Model, Data        → Student       generated to the budget, or the caller's
//	Align       Model, Student     → Alignment     who teaches whom
//	Train       all of these       → Trained       the state that validated best
//	Export      Trained            → File          ONNX bytes, read back
//	Verify      File, Trained      → Verification  run, and compared with what was trained
//	Measure     File, Data         → Measured      both models on the part that nothing was chosen on
//	Check       File, Measured     → Checked       what was asked against what was reached
//	Compare     File, Data         → Similarity    how alike the feature maps of both models are by now
//	Write       File               → a file on disk, at last
//
// The first six are [Decide], which is all that [Plan] does. A new stage is a file here and a line there. What stages
// run on, and whom they tell, is a [Host]. [Job] is what a caller wants, checked: the facade makes one of its options.
//
//	result, err := pipeline.Compress(ctx, job)
package pipeline

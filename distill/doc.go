// Package distill trains a student to reproduce a teacher's outputs and intermediate representations.
//
// A [Job] names the models, the data and the engine; [Job.Run] assembles each training step as one graph (teacher, student, losses,
// gradients, update), lets an engine run it, validates as it goes, and gives the student in the state that validated best.
//
//	job := distill.Job{Teacher: teacher, Student: student, Pairs: pairs, Engine: embedded.New(),
//		Train: train, Validation: validation, Bindings: []*dataset.Binding{binding}}
//	result, err := job.Run(ctx)
//
// The objective is a weighted sum of terms: losses on outputs ([OutputLosses]: kd, dkd, dist, ce) and losses on aligned pairs of feature
// maps ([FeatureLosses]: hint, at, fsp, ab, sp). A loss is a file; it emits its transforms as ops and gets its gradient from graph/pass.
//
// Shapes: feature maps are [N,C,H,W] (or [N,C,L]), sequences [N,T,C], vectors [N,C]; logits [N,K].
package distill

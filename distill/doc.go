// Package distill trains a student to reproduce a teacher's outputs and intermediate representations.
//
// A [Job] names the models, the data and the engine; [Job.Run] assembles each training step as one graph (teacher,
// student, losses, gradients, update), lets an engine run it, validates as it goes, and gives the student in the state
// that validated best.
//
//	job := distill.Job{Teacher: teacher, Student: student, Pairs: pairs, Engine: embedded.New(),
//		Train: train, Validation: validation, Bindings: []*dataset.Binding{binding}}
//	result, err := job.Run(ctx)
//
// The objective is a weighted sum of terms, which distill/loss lists: losses on outputs (kd, dkd, dist, ce), on aligned
// pairs of feature maps (hint, at, fsp, ab, sp), and on layers of attention (attn, relation).
//
// What else is asked of models on data: an [Evaluation] measures one; a [Probe] tells what its values are, their
// gradients and moments; a [Divergence] is how far two are apart; a [Synthesis] makes inputs where there are none. A
// [Trainer] takes a job's steps one at a time.
//
// Shapes: feature maps are [N,C,H,W] (or [N,C,L]), sequences [N,T,C], vectors [N,C]; logits [N,K].
package distill

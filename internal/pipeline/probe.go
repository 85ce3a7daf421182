package pipeline

import (
	"context"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/graph"
)

// distillation is the training of a student, or a look at the models that it would train with.
func (j Job) distillation(d *Data, teacher, student *graph.Graph) distill.Job {
	t := j.Train
	t.Random = j.Choice.Random
	return distill.Job{Teacher: teacher, Student: student, Engine: j.Host.Engine, EngineOptions: j.Host.Options,
		Train: d.Train, Validation: d.Validation, Bindings: d.Bindings, Augment: j.Data.Augment, Options: t,
		Checkpoint: j.Checkpoint, Resume: j.Resume, Force: j.Force, Symbols: d.Symbols, Progress: j.Host.Progress, Logger: j.Host.Logger}
}

// features gives values of a model on training samples.
func (j Job) features(ctx context.Context, d *Data, g *graph.Graph, student bool, names []string) (map[string]*graph.Tensor, error) {
	job := j.distillation(d, g, g)
	job.Bindings = d.Bindings[:0:0]
	job.Bindings = append(job.Bindings, d.binding(student))
	return job.Features(ctx, names, similaritySamples)
}

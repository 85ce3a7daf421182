package pipeline

import (
	"context"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/layermatch"
)

// probe reads values of one model on the training data: of the teacher, or of a student.
func (j Job) probe(d *Data, g *graph.Graph, student bool) distill.Probe {
	return distill.Probe{Model: g, Engine: j.Host.Engine, EngineOptions: j.Host.Options, Data: d.Train,
		Bindings: []*dataset.Binding{d.binding(student)}, Augment: j.Data.Augment, Batch: j.Train.Batch, Seed: j.Train.Seed,
		Task: j.Train.Task, Symbols: d.Symbols, Logger: j.Host.Logger}
}

// divergence is how far students are from the teacher on the training data.
func (j Job) divergence(d *Data, teacher *graph.Graph) distill.Divergence {
	return distill.Divergence{Teacher: teacher, Engine: j.Host.Engine, EngineOptions: j.Host.Options,
		Data: d.Train, Bindings: d.Bindings, Augment: j.Data.Augment, Batch: j.Train.Batch, Seed: j.Train.Seed,
		Task: j.Train.Task, Temperature: j.Train.Temperature, Symbols: d.Symbols, Logger: j.Host.Logger}
}

// similaritySamples is how many training samples tell how alike values are.
const similaritySamples = 128

// activations gives values of the teacher, as analysed, or else of the student, on training samples.
func (j Job) activations(ctx context.Context, teacher *Model, student *graph.Graph, d *Data) layermatch.Activations {
	return func(g *graph.Graph, names []string) (map[string]*graph.Tensor, error) {
		probe := j.probe(d, teacher.Graph, false)
		if g != teacher.Analysed {
			probe = j.probe(d, student, true)
		}
		return probe.Features(ctx, names, similaritySamples)
	}
}

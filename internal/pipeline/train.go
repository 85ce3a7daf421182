package pipeline

import (
	"context"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/machine"
)

// Trained is what a training has reached.
type Trained struct {
	*distill.Result        // its Student is in the form that it was trained in
	Unfolded        bool   // that form has batch norm which the file is not to have
	Engine          string // the version of what it was trained on
}

// Train distils the student.
func Train(ctx context.Context, j Job, d Decision) (*Trained, error) {
	job, unfolded, err := PrepareTraining(ctx, j, d)
	if err != nil {
		return nil, err
	}
	r, err := job.Run(ctx)
	if err != nil {
		return nil, err
	}
	return &Trained{r, unfolded, job.Engine.Version()}, nil
}

// PrepareTraining gives the distillation of the student in the form that it is trained in. It says whether there is
// batch norm to fold again.
func PrepareTraining(ctx context.Context, j Job, d Decision) (job distill.Job, unfolded bool, err error) {
	student := d.Student.Graph
	if j.unfolds(d.Student) {
		if student, unfolded, err = unfold(ctx, j, d); err != nil {
			return job, false, err
		}
	}
	job = distill.Job{Teacher: d.Teacher.Graph, Student: student, Pairs: d.Alignment.Pairs, Engine: j.Host.Engine,
		EngineOptions: j.Host.Options, Train: d.Data.Train, Validation: d.Data.Validation, Bindings: d.Data.Bindings,
		Augment: d.Recipe.Augment, Options: d.Recipe.Train, Checkpoint: j.Checkpoint, Resume: j.Resume, Force: j.Force,
		Memory: j.Host.Memory, Symbols: d.Data.Symbols, Progress: j.Host.Progress, Logger: j.Host.Logger}
	if job.Memory == 0 && j.Host.onProcessor() {
		job.Memory = machine.FreeMemory()
	}
	return job, unfolded, nil
}

// leastUnfolded is how many convolutions a net must have for batch normalisation to be worth its noise: shallow nets
// train well without.
const leastUnfolded = 6

// unfolds says whether a student may be given batch norm: a generated one, with the teacher's weights, of a net without
// normalisations.
func (j Job) unfolds(s *Student) bool {
	return s.Generated != nil && !j.Choice.Random && !normalised(s.Graph)
}

// unfold gives the student of a deep net without normalisations, as exports with folded batch norm are, batch
// normalisation for training: with the teacher's own statistics of the channels that were kept. It says whether there
// is something to fold again.
func unfold(ctx context.Context, j Job, d Decision) (_ *graph.Graph, unfolded bool, err error) {
	student, _ := d.Student.Graph.Clone()
	outputs := pass.Unfoldable(student)
	if len(outputs) < leastUnfolded {
		return d.Student.Graph, false, nil
	}
	lineage := d.Student.Generated.Lineage
	var names []string
	for _, v := range outputs {
		names = append(names, lineage[v.Name].Teacher)
	}
	teacher, err := j.probe(d.Data, d.Teacher.Graph, false).Moments(ctx, names)
	if err != nil {
		return nil, false, err
	}
	moments := map[*graph.Value]pass.Moments{}
	for i, v := range outputs {
		moments[v] = kept(teacher[names[i]], lineage[v.Name].Channels())
	}
	pass.UnfoldBatchNorm(student, moments)
	return student, true, nil
}

// kept picks the channels that a student has; nil are all.
func kept(m pass.Moments, channels []int) pass.Moments {
	if channels == nil {
		return m
	}
	var k pass.Moments
	for _, c := range channels {
		k.Mean, k.Variance = append(k.Mean, m.Mean[c]), append(k.Variance, m.Variance[c])
	}
	return k
}

// normalised says whether a net normalises anything.
func normalised(g *graph.Graph) bool {
	for _, n := range g.Nodes {
		if s := op.Of(n); s != nil && s.Role == op.Normalisation {
			return true
		}
	}
	return false
}

package ildc

import (
	"context"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// leastUnfolded is how many convolutions a net must have for batch normalisation to be worth its noise: shallow nets train well without.
const leastUnfolded = 6

// unfold gives a generated student of a deep net without normalisations, as exports with folded batch norm are, batch normalisation for
// training: with the teacher's own statistics of the channels that were kept. It says whether there is something to fold again.
func (p *plan) unfold(ctx context.Context, job *distill.Job) (unfolded bool, err error) {
	if p.generated == nil || p.options.Random || normalised(job.Student) {
		return false, nil
	}
	student, _ := job.Student.Clone()
	outputs := pass.Unfoldable(student)
	if len(outputs) < leastUnfolded {
		return false, nil
	}
	var names []string
	for _, v := range outputs {
		names = append(names, p.generated.Lineage[v.Name].Teacher)
	}
	teacher, err := job.Moments(ctx, names)
	if err != nil {
		return false, err
	}
	moments := map[*graph.Value]pass.Moments{}
	for i, v := range outputs {
		moments[v] = kept(teacher[names[i]], p.generated.Lineage[v.Name].Channels())
	}
	pass.UnfoldBatchNorm(student, moments)
	job.Student = student
	return true, nil
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

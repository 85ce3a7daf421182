package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/models"
)

// What starts nearest to the teacher need not end nearest. So the students that a budget allows are trained for a short
// while each, and the better half for twice as long, until one is left: successive halving (Jamieson, Talwalkar 2016,
// section 3). All trials together take a quarter of the steps of the training, at most.
const (
	trialPart    = 32  // a first trial takes one part of so many of the steps,
	leastTrial   = 10  // and none is held where that is less,
	mostTrial    = 100 // or as many steps as this
	trialSamples = 512 // that tell where a trial ends
	// Leaving out each part of a network in turn takes about as long as so many steps; of what takes more than a quarter
	// of the training, only channels are removed.
	stepsOfCut = 10
)

// candidate is a decision that is tried.
type candidate struct {
	Decision
	choice Choice
	trial  report.Trial
}

// decideStudent completes a decision: it chooses, or tries, the student, and aligns it. own is the caller's; nil where
// one is to be generated.
func decideStudent(ctx context.Context, j Job, d Decision, own *Model) (Decision, error) {
	if own == nil {
		earlier, err := j.readSearch(d.Teacher)
		if err != nil {
			return d, err
		}
		if earlier != nil && earlier.Trials != nil {
			j.Choice.Shrink, j.Choice.Share, d.Trials = earlier.Shrink, earlier.Share, earlier.Trials
		} else if choices, steps, err := candidates(j, d); err != nil {
			return d, err
		} else if len(choices) > 1 {
			return try(ctx, j, d, choices, steps)
		}
	}
	return d.with(ctx, j, own)
}

// with decides for the student of the job's choice, or the caller's.
func (d Decision) with(ctx context.Context, j Job, own *Model) (_ Decision, err error) {
	if d.Student, err = Choose(ctx, j, d.Teacher, own, d.Data); err != nil {
		return d, err
	}
	d.Alignment, err = Align(ctx, j, d.Teacher, d.Student, d.Data)
	return d, err
}

// candidates are the choices that are tried, and the steps of a first trial; one is not tried.
func candidates(j Job, d Decision) (choices []Choice, steps int, err error) {
	c := j.Choice
	if c.Untried || c.Random || !d.Data.real() || c.Budget.Timed() {
		return []Choice{c}, 0, nil
	}
	whole := d.Recipe.Train.RunSteps(d.Data.Train.Len())
	if steps = min(whole/trialPart, mostTrial); steps < leastTrial {
		return []Choice{c}, 0, nil
	}
	shrinks, shares := []models.Shrink{c.Shrink}, []models.Share{c.Share}
	if c.Shrink == "" {
		shrinks = []models.Shrink{models.Width}
		parts, err := models.Cuttable(d.Teacher.Graph, j.bind(d.Data))
		if err != nil {
			return nil, 0, err
		}
		if parts > 0 && parts*stepsOfCut <= whole/4 {
			shrinks = append(shrinks, models.Both)
		}
	}
	if c.Share == "" && c.Shrink != models.Depth {
		shares = []models.Share{models.ByReconstruction, models.ByRank, models.Uniform}
	}
	for i, shrink := range shrinks {
		for k, share := range shares {
			if i > 0 && k > 0 {
				continue // other ways to share out are tried of one way to shrink
			}
			each := c
			each.Shrink, each.Share = shrink, share
			choices = append(choices, each)
		}
	}
	return choices, steps, nil
}

// try makes the students of several choices, and decides for the one whose trials end nearest to the teacher.
func try(ctx context.Context, j Job, d Decision, choices []Choice, steps int) (Decision, error) {
	all, err := made(ctx, j, d, choices)
	if err != nil {
		return d, err
	}
	left := slices.Clone(all)
	for ; len(left) > 1; steps *= 2 {
		for _, c := range left {
			c.trial.Steps = steps
			if c.trial.Distance, err = c.train(ctx, j); err != nil {
				return d, err
			}
		}
		slices.SortStableFunc(left, func(a, b *candidate) int { return cmp.Compare(a.trial.Distance, b.trial.Distance) })
		left = left[:(len(left)+1)/2]
	}
	best := left[0]
	if len(all) == 1 {
		return best.Decision, nil
	}
	best.trial.Chosen = true
	for _, c := range all {
		best.Trials = append(best.Trials, c.trial)
	}
	return best.Decision, j.writeSearch(d.Teacher, search{Shrink: best.choice.Shrink, Share: best.choice.Share,
		Trials: best.Trials, Found: best.Student.Generated.Found})
}

// made are the different students that choices lead to. The error is [models.ErrInfeasible] where there is none.
func made(ctx context.Context, j Job, d Decision, choices []Choice) (all []*candidate, err error) {
	var infeasible error
	for _, choice := range choices {
		j.Choice = choice
		decided, err := d.with(ctx, j, nil)
		switch {
		case errors.Is(err, models.ErrInfeasible):
			infeasible = err
			continue
		case err != nil:
			return nil, err
		}
		s := decided.Student
		if !slices.ContainsFunc(all, func(o *candidate) bool { return o.Student.same(s) }) {
			all = append(all, &candidate{decided, choice, report.Trial{Shrink: string(choice.Shrink),
				Share: string(choice.Share), MACs: s.Cost.MACs, Params: s.Cost.Params}})
		}
	}
	if all == nil {
		return nil, infeasible
	}
	return all, nil
}

// train trains a candidate for the steps of its trial, and says how far it then is from the teacher.
func (c *candidate) train(ctx context.Context, j Job) (float64, error) {
	job, _, err := PrepareTraining(ctx, j, c.Decision)
	if err != nil {
		return 0, err
	}
	job.Checkpoint, job.Resume = "", false
	job.Options = job.Options.Short(c.trial.Steps)
	if n := job.Validation.Len(); n > trialSamples {
		if _, job.Validation, err = dataset.Split(job.Validation, float64(trialSamples)/float64(n), 0); err != nil {
			return 0, err
		}
	}
	job.Progress = func(p distill.Progress) {
		if p.Phase == "training" {
			p.Phase, p.Point = fmt.Sprintf("trying %s by %s", c.trial.Shrink, c.trial.Share), nil
			j.Host.report(p)
		}
	}
	r, err := job.Run(ctx)
	if errors.Is(err, distill.ErrInterrupted) {
		return 0, fmt.Errorf("ildc: %w while students were tried", distill.ErrInterrupted)
	}
	if err != nil {
		return 0, err
	}
	distance, ok := r.History[len(r.History)-1].Metrics.Distance()
	if !ok {
		return 0, errors.New("ildc: a trial without a distance from the teacher")
	}
	return distance, nil
}

// same says whether two students that were generated from one teacher are one.
func (s *Student) same(o *Student) bool {
	g, h := s.Generated, o.Generated
	return s.Cost.MACs == o.Cost.MACs && slices.Equal(g.Groups, h.Groups) && slices.Equal(g.Removed, h.Removed)
}

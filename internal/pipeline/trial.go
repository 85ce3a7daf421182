package pipeline

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/models"
)

// What starts nearest to the teacher need not end nearest. So the students that a budget allows are trained for a short
// while each, and the better half for twice as long, until one is left: successive halving (Jamieson, Talwalkar 2016,
// section 3). That one is tried without losses on feature maps, too, which do not help every net. All trials together
// take about a third of the steps of the training.
const (
	trialPart    = 32  // a first trial takes one part of so many of the steps,
	leastTrial   = 10  // and none is held where that is less,
	mostTrial    = 100 // or as many steps as this
	trialSamples = 512 // that tell where a trial ends, at the most
	trialLeast   = 100 // and at the least: what tens of samples tell is chance, and then nothing is tried
	trialHeldOut = 0.3 // of few samples, of which the training itself holds none out
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
	earlier, err := j.readSearch(d.Teacher)
	if err != nil {
		return d, err
	}
	if earlier != nil && earlier.Trials != nil {
		j.Choice.Shrink, j.Choice.Share, d.Trials = earlier.Shrink, earlier.Share, earlier.Trials
		if earlier.Outputs {
			d.Recipe = d.Recipe.onOutputsAlone()
		}
		return d.with(ctx, j, own)
	}
	steps := trialSteps(j, d)
	if steps == 0 {
		if own == nil && j.Choice.Share == "" {
			samples, err := measures(j, d)
			if err != nil {
				return d, err
			}
			if samples > 0 {
				j.Choice.Share = models.BySensitivity
				d.Recipe = d.Recipe.measuredOn(samples)
			}
		}
		return d.with(ctx, j, own)
	}
	choices := []Choice{j.Choice}
	if own == nil {
		if choices, err = candidates(j, d); err != nil {
			return d, err
		}
	}
	return try(ctx, j, d, own, choices, steps)
}

// trialSteps are the steps of a first trial; 0 where nothing is tried.
func trialSteps(j Job, d Decision) int {
	if j.Choice.Untried || j.Choice.Random || !d.Data.real() {
		return 0
	}
	steps := min(d.Recipe.Train.RunSteps(d.Data.Train.Len())/trialPart, mostTrial)
	measured := float64(d.Data.Validation.Len())
	if !d.Data.HeldOut {
		measured *= trialHeldOut
	}
	if steps < leastTrial || measured < trialLeast {
		return 0
	}
	return steps
}

// measures is on how many samples channels are measured, to be shared out by sensitivity, where nobody says how they
// are; 0 where they are not.
func measures(j Job, d Decision) (int, error) {
	c := j.Choice
	if c.Budget.Timed() || c.Shrink != "" && c.Shrink != models.Width || !d.Data.real() {
		return 0, nil
	}
	return samplesOfMeasurement(j, d.Teacher, d.Data)
}

// with decides for the student of the job's choice, or the caller's.
func (d Decision) with(ctx context.Context, j Job, own *Model) (_ Decision, err error) {
	if d.Student, err = Choose(ctx, j, d.Teacher, own, d.Data); err != nil {
		return d, err
	}
	d.Alignment, err = Align(ctx, j, d.Teacher, d.Student, d.Data)
	return d, err
}

// candidates are the students that are tried.
func candidates(j Job, d Decision) (choices []Choice, err error) {
	c := j.Choice
	if c.Budget.Timed() { // each of them would be searched for by running many
		return []Choice{c}, nil
	}
	shrinks, shares := []models.Shrink{c.Shrink}, []models.Share{c.Share}
	if c.Shrink == "" {
		shrinks = []models.Shrink{models.Width}
		parts, err := models.Cuttable(d.Teacher.Graph, j.bind(d.Data))
		if err != nil {
			return nil, err
		}
		if parts > 0 && parts*stepsOfCut <= d.Recipe.Train.RunSteps(d.Data.Train.Len())/4 {
			shrinks = append(shrinks, models.Both)
		}
	}
	if c.Share == "" && c.Shrink != models.Depth {
		samples, err := measures(j, d)
		if err != nil {
			return nil, err
		}
		if shares = models.Shares(); samples == 0 {
			shares = slices.DeleteFunc(shares, func(s models.Share) bool { return s == models.BySensitivity })
		}
	}
	for i, shrink := range shrinks {
		for k, share := range shares {
			if i > 0 && k > 0 {
				continue // other ways to share out are tried of one way to shrink
			}
			each := c
			each.Shrink, each.Share = shrink, share
			if i > 0 {
				each.Share, each.LeastCuts = cmp.Or(c.Share, models.ByReconstruction), 1 // that of no cuts is tried already
			}
			choices = append(choices, each)
		}
	}
	return choices, nil
}

// try makes the students of several choices, and decides for the one whose trials end nearest to the teacher; and for
// outputs alone where that one then ends nearer, unless the caller names losses.
func try(ctx context.Context, j Job, d Decision, own *Model, choices []Choice, steps int) (Decision, error) {
	all, err := made(ctx, j, d, own, choices)
	if err != nil {
		return d, err
	}
	for left := slices.Clone(all); len(left) > 1; left = left[:len(left)/2] {
		if err := train(ctx, j, steps, left); err != nil {
			return d, err
		}
		steps *= 2
	}
	best := slices.MaxFunc(all, nearest)
	if o := j.Train; o.Losses == nil && o.FinalLosses == nil && o.Pretrain == 0 && len(best.Alignment.Pairs) > 0 {
		alone := *best
		alone.Recipe = d.Recipe.onOutputsAlone()
		alone.trial.Losses, alone.trial.Steps = alone.Recipe.Train.Losses.String(), 0
		if err := train(ctx, j, cmp.Or(best.trial.Steps, steps), []*candidate{best, &alone}); err != nil {
			return d, err
		}
		all = append(all, &alone)
		best = slices.MaxFunc(all, nearest)
	}
	if len(all) == 1 {
		return best.Decision, nil
	}
	best.trial.Chosen = true
	for _, c := range all {
		best.Trials = append(best.Trials, c.trial)
	}
	found := search{Shrink: best.choice.Shrink, Share: best.choice.Share, Trials: best.Trials,
		Outputs: best.trial.Losses != all[0].trial.Losses}
	if g := best.Student.Generated; g != nil {
		found.Found = g.Found
	}
	return best.Decision, j.writeSearch(d.Teacher, found)
}

// nearest orders candidates by how long they were tried, and then by how near that left them: the last is the best.
func nearest(a, b *candidate) int {
	return cmp.Or(cmp.Compare(a.trial.Steps, b.trial.Steps), cmp.Compare(b.trial.Distance, a.trial.Distance))
}

// train trains those candidates that were not trained for so many steps yet, and puts the nearest first.
func train(ctx context.Context, j Job, steps int, some []*candidate) (err error) {
	for _, c := range some {
		if c.trial.Steps == steps {
			continue
		}
		c.trial.Steps = steps
		if c.trial.Distance, err = c.train(ctx, j); err != nil {
			return err
		}
	}
	slices.SortStableFunc(some, func(a, b *candidate) int { return nearest(b, a) })
	return nil
}

// made are the different students that choices lead to. The error is [models.ErrInfeasible] where there is none.
func made(ctx context.Context, j Job, d Decision, own *Model, choices []Choice) (all []*candidate, err error) {
	var infeasible error
	for _, choice := range choices {
		j.Choice = choice
		decided, err := d.with(ctx, j, own)
		switch {
		case errors.Is(err, models.ErrInfeasible):
			infeasible = err
			continue
		case err != nil:
			return nil, err
		}
		s, losses := decided.Student, j.Train.Losses
		if losses == nil {
			losses = loss.Default()
		}
		if !slices.ContainsFunc(all, func(o *candidate) bool { return o.Student.same(s) }) {
			all = append(all, &candidate{decided, choice, report.Trial{Shrink: string(choice.Shrink),
				Share: string(choice.Share), MACs: s.Cost.MACs, Params: s.Cost.Params, Losses: losses.String()}})
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
	job.Augment = j.Data.Augment // samples that are seen a few times need not be mixed
	job.Options = job.Options.Short(c.trial.Steps)
	if !c.Data.HeldOut {
		if job.Train, job.Validation, err = dataset.Split(job.Train, trialHeldOut, 0); err != nil {
			return 0, err
		}
	}
	if n := job.Validation.Len(); n > trialSamples {
		if _, job.Validation, err = dataset.Split(job.Validation, float64(trialSamples)/float64(n), 0); err != nil {
			return 0, err
		}
	}
	job.Progress = func(p distill.Progress) {
		if p.Phase == "training" {
			p.Phase, p.Point = "trying "+c.trial.Student(), nil
			j.Host.report(p)
		}
	}
	r, err := job.Run(ctx)
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

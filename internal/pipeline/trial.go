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

// candidate is a student, and with whom it is aligned.
type candidate struct {
	choice    Choice
	student   *Student
	alignment *Alignment
	trial     report.Trial
}

// decideStudent chooses, or tries, the student, and aligns it.
func (d *Decision) decideStudent(ctx context.Context, j Job, own *Model) error {
	if own == nil {
		earlier, err := j.readSearch(d.Teacher)
		if err != nil {
			return err
		}
		if earlier != nil && earlier.Trials != nil {
			j.Choice.Shrink, j.Choice.Share, d.Trials = earlier.Shrink, earlier.Share, earlier.Trials
		} else if choices, steps, err := j.candidates(d); err != nil {
			return err
		} else if len(choices) > 1 {
			return d.try(ctx, j, choices, steps)
		}
	}
	c, err := d.candidate(ctx, j, own)
	d.Student, d.Alignment = c.student, c.alignment
	return err
}

// candidate makes the student of the job's choice.
func (d *Decision) candidate(ctx context.Context, j Job, own *Model) (c candidate, err error) {
	c.choice = j.Choice
	if c.student, err = Choose(ctx, j, d.Teacher, own, d.Data); err != nil {
		return c, err
	}
	c.alignment, err = Align(ctx, j, d.Teacher, c.student, d.Data)
	return c, err
}

// candidates are the choices that are tried, and the steps of a first trial; one is not tried.
func (j Job) candidates(d *Decision) (choices []Choice, steps int, err error) {
	c := j.Choice
	whole := d.Recipe.Train.RunSteps(trainSamples(d.Data))
	steps = min(whole/trialPart, mostTrial)
	if c.Untried || c.Random || !d.Data.real() || steps < leastTrial || c.Budget.Timed() {
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

func trainSamples(d *Data) int {
	if d == nil {
		return 0
	}
	return d.Train.Len()
}

// try makes the students of several choices, and decides for the one whose trials end nearest to the teacher.
func (d *Decision) try(ctx context.Context, j Job, choices []Choice, steps int) error {
	var left []*candidate
	var infeasible error
	for _, choice := range choices {
		each := j
		each.Choice = choice
		c, err := d.candidate(ctx, each, nil)
		switch {
		case errors.Is(err, models.ErrInfeasible):
			infeasible = err
			continue
		case err != nil:
			return err
		}
		if !slices.ContainsFunc(left, func(o *candidate) bool { return o.student.same(c.student) }) {
			c.trial = report.Trial{Shrink: string(choice.Shrink), Share: string(choice.Share), MACs: c.student.Cost.MACs,
				Params: c.student.Cost.Params}
			left = append(left, &c)
		}
	}
	if left == nil {
		return infeasible
	}
	all := slices.Clone(left)
	for ; len(left) > 1; steps *= 2 {
		for _, c := range left {
			distance, err := d.trial(ctx, j, c, steps)
			if err != nil {
				return err
			}
			c.trial.Steps, c.trial.Distance = steps, distance
		}
		slices.SortStableFunc(left, func(a, b *candidate) int { return cmp.Compare(a.trial.Distance, b.trial.Distance) })
		left = left[:(len(left)+1)/2]
	}
	best := left[0]
	best.trial.Chosen = true
	d.Student, d.Alignment = best.student, best.alignment
	if len(all) == 1 {
		return nil
	}
	for _, c := range all {
		d.Trials = append(d.Trials, c.trial)
	}
	return j.writeSearch(d.Teacher, search{Shrink: best.choice.Shrink, Share: best.choice.Share, Trials: d.Trials,
		Found: best.student.Generated.Found})
}

// trial trains a student for some steps, and says how far it then is from the teacher.
func (d *Decision) trial(ctx context.Context, j Job, c *candidate, steps int) (float64, error) {
	tried := *d
	tried.Student, tried.Alignment = c.student, c.alignment
	job, _, err := PrepareTraining(ctx, j, tried)
	if err != nil {
		return 0, err
	}
	job.Checkpoint, job.Resume = "", false
	job.Options = job.Options.Short(steps)
	if n := job.Validation.Len(); n > trialSamples {
		if _, job.Validation, err = dataset.Split(job.Validation, float64(trialSamples)/float64(n), 0); err != nil {
			return 0, err
		}
	}
	job.Progress = func(p distill.Progress) {
		if p.Phase == "training" {
			j.Host.report(distill.Progress{Phase: fmt.Sprintf("trying %s by %s", c.trial.Shrink, c.trial.Share), Step: p.Step,
				Steps: p.Steps, Loss: p.Loss, ImagesPerSecond: p.ImagesPerSecond, Remaining: p.Remaining})
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

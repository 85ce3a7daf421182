package distill

import (
	"context"
	"time"
)

// finishStep validates, reports and writes checkpoints when it is time.
func (r *run) finishStep(ctx context.Context, epoch int) error {
	point, err := r.validateIfDue(ctx, epoch)
	if err != nil {
		return err
	}
	done := r.at.Step
	r.at.Seconds = r.before + time.Since(r.started).Seconds()
	p := Progress{Phase: "training", Step: done, Steps: r.at.Steps, Point: point,
		ImagesPerSecond: float64(done*r.at.Batch) / r.at.Seconds}
	if r.at.Count > 0 {
		p.Loss = r.at.Sums["total"] / float64(r.at.Count)
	} else if point != nil {
		p.Loss = point.Losses["total"]
	}
	if r.at.Steps > 0 {
		p.Remaining = time.Duration(r.at.Seconds / float64(done) * float64(r.at.Steps-done) * float64(time.Second))
	}
	r.job.report(p)
	due := time.Since(r.written) > checkpointEvery
	if n := r.o.CheckpointEvery; n > 0 {
		due = done%n == 0
	}
	if due {
		return r.writeCheckpoint()
	}
	return nil
}

// A run is validated at each epoch, but so often at the least and at the most: an epoch of a few hundred samples is a
// few steps, and validations would take as long as they do.
const (
	leastPoints = 10
	mostPoints  = 40
)

// validateIfDue validates at every so many steps, and at the last one; a point that was reached before a stop is not
// repeated.
func (r *run) validateIfDue(ctx context.Context, epoch int) (*Point, error) {
	every := r.o.EvalEvery
	if every == 0 {
		every = max(1, r.at.Steps/mostPoints, min(epoch, (r.at.Steps+leastPoints-1)/leastPoints))
	}
	done := r.at.Step
	if r.at.Steps == 0 || done == 0 || done%every != 0 && done != r.at.Steps || r.lastPoint() == done {
		return nil, nil
	}
	m, err := r.validate(ctx)
	if err != nil {
		return nil, err
	}
	point := Point{Step: done, Losses: map[string]float64{}, Metrics: m}
	for term, sum := range r.at.Sums {
		point.Losses[term] = sum / float64(r.at.Count)
	}
	r.at.History = append(r.at.History, point)
	r.at.Sums, r.at.Count = map[string]float64{}, 0
	if (!r.o.KeepLast || done == r.at.Steps) && m.better(r.at.BestMetrics) {
		err = r.keepBest(m)
	}
	return &point, err
}

func (r *run) lastPoint() int {
	if len(r.at.History) == 0 {
		return 0
	}
	return r.at.History[len(r.at.History)-1].Step
}

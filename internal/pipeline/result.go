package pipeline

import (
	"errors"
	"time"

	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/layermatch"
)

// done is what the stages of a whole run have given.
type done struct {
	Decision
	trained  *Trained
	file     *File
	verified *Verification
	measured *Measured
	checked  *Checked
	similar  *layermatch.Similarity
}

// result reports a whole run.
func (d done) result() *report.Result {
	r := d.Decision.Result()
	t, c := d.trained, d.checked
	r.Task, r.Engine, r.Data = string(t.Task), t.Engine, d.Data.About
	r.Steps, r.BestStep, r.Batch, r.Seconds, r.ImagesPerSecond = t.Steps, t.BestStep, t.Batch, t.Seconds, t.ImagesPerSecond
	r.Losses, r.History, r.Before, r.Best, r.StepTime = t.Losses, t.History, &t.Before, &t.Best, t.StepTime
	r.Measured, r.Verified, r.Trained, r.Model = d.measured.Part, &d.verified.Verification, d.similar, d.file.Bytes
	r.Budget, r.Met, r.NotMet = c.Budget, len(c.NotMet) == 0, c.NotMet
	r.Teacher.Latency, r.Teacher.Metrics = milliseconds(c.Teacher), &d.measured.Teacher
	r.Student = report.Side{SHA256: d.file.SHA256, Params: c.Cost.Params, MACs: c.Cost.MACs,
		Bytes: int64(len(d.file.Bytes)), Latency: milliseconds(c.Student), Metrics: &d.measured.Student}
	for _, warning := range []string{d.Data.Warning, d.verified.Warning} {
		if warning != "" {
			r.Warnings = append(r.Warnings, warning)
		}
	}
	return r
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Result reports what was decided, as far as it was.
func (d Decision) Result() *report.Result {
	r := &report.Result{Schema: report.Schema}
	r.Pairs = []report.Pair{}
	if d.Teacher != nil {
		r.Teacher, r.Frozen = d.Teacher.side, d.Teacher.Frozen
	}
	if s := d.Student; s != nil {
		r.Budget = s.Budget
		r.Student.Params, r.Student.MACs = s.Cost.Params, s.Cost.MACs
		if g := s.Generated; g != nil {
			r.Groups, r.Removed, r.Untouched = g.Groups, g.Removed, g.Untouched
		}
	}
	r.Recipe, r.Trials = d.Recipe.Why, d.Trials
	if a := d.Alignment; a != nil {
		r.Pairs, r.Similarity, r.Alignment = a.pairs(), a.Similarity, a.Table
	}
	return r
}

// declined reports why a model is declined; nil for any other error.
func (d Decision) declined(err error) *report.Result {
	var why *declinedError
	if !errors.As(err, &why) {
		return nil
	}
	r := d.Result()
	r.Declined = why.reasons
	return r
}

package ildc

import (
	"context"

	"github.com/ildc/ildc/internal/pipeline"
	"github.com/ildc/ildc/internal/report"
)

// Result is what a call has reached: both models with their cost and metrics (Teacher, Student), what was asked and
// whether it was met (Budget, Met, NotMet), Pairs, Losses and History, what shrank, what did not and why (Groups,
// Removed, Untouched, Frozen, Declined), Warnings, and the student as ONNX (Model). Its JSON form is what the command
// prints with --json, and Summary writes it as text.
type Result = report.Result

// Schema is the version of the JSON form of [Result] and [Study]; it changes when a field changes its meaning or goes
// away.
const Schema = report.Schema

// Compress runs the whole pipeline. A result whose requirements (budget, least score) are not all met is given without
// an error, with Met false and the reasons in NotMet. It is also given beside [ErrDeclined], with the reasons in
// Declined, and where Output can't be written, with the student's bytes in Model.
func Compress(ctx context.Context, o Options) (*Result, error) {
	j, err := o.job()
	if err != nil {
		return nil, err
	}
	return pipeline.Compress(ctx, j)
}

// Plan generates the student and aligns it with the teacher, without training. With data it is the plan that [Compress]
// would follow on these data. The result is also given beside [ErrDeclined].
func Plan(ctx context.Context, o Options) (*Result, error) {
	j, err := o.job()
	if err != nil {
		return nil, err
	}
	return pipeline.Plan(ctx, j)
}

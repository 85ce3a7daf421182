package pipeline

import (
	"context"
	"strings"

	"github.com/ildc/ildc/internal/report"
)

// Judge tells what can be done with a job's teacher.
func Judge(ctx context.Context, j Job) report.Verdict {
	v := report.Verdict{Path: j.Teacher.Path, Verdict: "plannable"}
	if _, err := Load(j.Teacher); err != nil {
		v.Verdict, v.Why = "declined", err.Error()
	} else if r, err := Plan(ctx, j); err != nil {
		v.Verdict, v.Why = "accepted", err.Error()
	} else {
		v.Why = r.Budget.Reached
	}
	v.Why = strings.TrimPrefix(v.Why, v.Path+": ")
	return v
}

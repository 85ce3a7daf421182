package ildc

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/internal/study"
)

// StudyOptions say what a study compares. Teacher and Folder are needed.
type StudyOptions struct {
	// Options are those of every run. Output, Checkpoint, Resume and Train.Seed are the study's own; Random and
	// Train.Losses are the arms'.
	Options
	// Arms are "scratch" (random weights, kd; of a generated student only), "finetune" (the pruned student on labels
	// alone), "default" (the default mix), or terms to train the pruned student with, as "kd+hint" or "kd+hint=2+at".
	// Default: [DefaultArms].
	Arms   []string
	Seeds  int    // runs of each arm, with the seeds 0, 1 and so on; default 3
	Folder string // keeps the results and the students of runs; a study goes on from what its folder has

	// Started is called when a run starts that the folder has no result of; may be nil.
	Started func(run, runs int, arm string, seed uint64)
}

// Study is what a study has found: of each arm its runs, scores and differences. Its JSON form is what the command
// prints with --json, and Summary writes it as text.
type Study = report.Study

const defaultSeeds = 3

// DefaultArms are the arms of a study that names none: those on layers of attention, which few models have, are to be
// named.
func DefaultArms() []string { return study.DefaultArms() }

// RunStudy runs the arms of a study, each with several seeds, and compares them. Every run has the same steps, data and
// seeds. An interrupted study goes on where it stopped when it is started again with the same folder; the error is then
// [ErrInterrupted].
func RunStudy(ctx context.Context, o StudyOptions) (*Study, error) {
	arms, err := study.ParseArms(o.Arms)
	if o.Seeds < 0 {
		err = errors.Join(err, fmt.Errorf("ildc: study: %d seeds: want 1 or more", o.Seeds))
	}
	if err == nil && o.Folder == "" {
		err = errors.New("ildc: a study needs a folder for its results")
	}
	if err != nil {
		return nil, err
	}
	j, err := o.Options.job()
	if err != nil {
		return nil, err
	}
	p := study.Plan{Job: j, Arms: arms, Seeds: cmp.Or(o.Seeds, defaultSeeds), Folder: o.Folder, Started: o.Started}
	return study.Run(ctx, p)
}

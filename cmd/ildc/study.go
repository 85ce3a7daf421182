package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
)

func studyCommand() *cobra.Command {
	var (
		run    runFlags
		o      ildc.StudyOptions
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "study TEACHER.onnx",
		Short: "Compare ways to train a student: does distillation of intermediate layers help on this model?",
		Long: `Compare ways to train a student, the arms, with the same steps, data and seeds: does distillation of
intermediate layers help on this model?

An arm is scratch (random weights, outputs of the teacher), finetune (pruned, labels alone), default (pruned, the
default mix), or terms that a pruned student is trained with, as kd, kd+hint or kd+hint=2+at. Results of runs are kept
in a folder: a study that was stopped goes on when it is started again, and arms or seeds can be added later.`,
		Example: `  ildc study teacher.onnx --data photos --preset imagenet --budget macs=0.5x --epochs 5 --seeds 3
  ildc study teacher.onnx --data photos --preset imagenet --arms kd,kd+hint --json`,
		Args: exactly("TEACHER.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := run.apply(c, &o.Options, args[0], 0); err != nil {
				return err
			}
			if run.train.losses != "" || run.student.random {
				return usageError{fmt.Errorf("--losses and --random-init are what arms differ in: name arms with --arms")}
			}
			if o.Folder == "" {
				output, err := defaultOutput(args[0])
				if err != nil {
					return err
				}
				o.Folder = strings.TrimSuffix(output, ".student.onnx") + ".study"
			}
			announce := run.announce(c)
			o.Started = remaining(announce)
			study, err := ildc.RunStudy(c.Context(), o)
			switch {
			case err != nil:
				return err
			case asJSON:
				return printJSON(c, study)
			}
			_, err = fmt.Fprint(c.OutOrStdout(), study.Summary())
			return err
		},
	}
	f := c.Flags()
	run.register(c)
	f.StringSliceVar(&o.Arms, "arms", nil, "what to compare (default "+strings.Join(ildc.DefaultArms(), ",")+")")
	f.IntVar(&o.Seeds, "seeds", 0, "runs of each arm (default 3)")
	f.StringVar(&o.Folder, "folder", "", "where results are kept (default TEACHER.study)")
	f.BoolVar(&asJSON, "json", false, "print the study as one JSON object")
	return c
}

// remaining announces each run, and how long the rest will take as long as none of it is there already.
func remaining(announce func(string)) func(number, runs int, arm string, seed uint64) {
	start := time.Now()
	started := 0
	return func(number, runs int, arm string, seed uint64) {
		left := ""
		if started > 0 {
			each := time.Since(start) / time.Duration(started)
			left = fmt.Sprintf(", about %v left", (each * time.Duration(runs-number+1)).Round(time.Second))
		}
		started++
		announce(fmt.Sprintf("run %d of %d: arm %s, seed %d%s", number, runs, arm, seed, left))
	}
}

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/models"
)

func planCommand() *cobra.Command {
	var plan planFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "plan TEACHER.onnx",
		Short: "Show the student and the alignment, without training",
		Long: `Show the student and the alignment, without training.

With --data, channels and blocks are chosen by what they do on these data, as compress does, and the table says how
alike the paired feature maps are (linear CKA); --json has the heat map of all of them.`,
		Args: exactly("TEACHER.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			return plan.run(c, args, asJSON)
		},
	}
	plan.register(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print the plan as one JSON object")
	return c
}

// run plans for a teacher, and a student where one is named, and shows the plan. An engine is opened where there is
// something to run.
func (p *planFlags) run(c *cobra.Command, paths []string, asJSON bool) error {
	var o ildc.Options
	if err := p.apply(c, &o, paths[0], 0); err != nil {
		return err
	}
	if len(paths) > 1 {
		o.Student = model(c, paths[1])
	}
	if p.data.path != "" || strings.Contains(o.Budget, string(models.Latency)) {
		if err := p.open(&o, say(c)); err != nil {
			return err
		}
	}
	r, err := ildc.Plan(c.Context(), o)
	return show(c, r, asJSON, true, err)
}

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/models"
)

func planCommand() *cobra.Command {
	var student studentFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "plan TEACHER.onnx",
		Short: "Show the student and the alignment, without training",
		Args:  exactly("TEACHER.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			o := ildc.Options{Teacher: model(c, args[0])}
			if err := student.apply(&o); err != nil {
				return err
			}
			if strings.Contains(o.Budget, string(models.Latency)) { // is measured, where there is something to measure with
				var err error
				if o.Engine, _, err = ildc.OpenEngine(ildc.EngineChoice{}); err != nil {
					return err
				}
			}
			r, err := ildc.Plan(c.Context(), o)
			return show(c, r, asJSON, true, err)
		},
	}
	student.register(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print the plan as one JSON object")
	return c
}

func matchCommand() *cobra.Command {
	var student studentFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "match TEACHER.onnx STUDENT.onnx",
		Short: "Align the feature maps of two models, and explain it",
		Args:  exactly("TEACHER.onnx", "STUDENT.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			o := ildc.Options{Teacher: model(c, args[0])}
			if err := student.apply(&o); err != nil {
				return err
			}
			o.Student = model(c, args[1])
			r, err := ildc.Plan(c.Context(), o)
			return show(c, r, asJSON, true, err)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&student.pairs, "pair", nil, "align teacher_value:student_value")
	f.StringSliceVar(&student.noPairs, "no-pair", nil, "leave a pair, or a value, out of the alignment")
	f.BoolVar(&asJSON, "json", false, "print the alignment as one JSON object")
	return c
}

package main

import "github.com/spf13/cobra"

func matchCommand() *cobra.Command {
	var plan planFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "match TEACHER.onnx STUDENT.onnx",
		Short: "Align the feature maps of two models, and explain it",
		Long: `Align the feature maps of two models, and explain it.

With --data, the table says how alike the paired feature maps are (linear CKA), and --json has the heat map of all of
them.`,
		Args: exactly("TEACHER.onnx", "STUDENT.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			return plan.run(c, args, asJSON)
		},
	}
	f := c.Flags()
	plan.student.registerPairs(f)
	plan.data.register(f)
	plan.engine.register(f)
	f.BoolVar(&asJSON, "json", false, "print the alignment as one JSON object")
	return c
}

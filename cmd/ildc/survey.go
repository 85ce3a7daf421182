package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/internal/report"
)

func surveyCommand() *cobra.Command {
	var budget string
	var asJSON bool
	c := &cobra.Command{
		Use:   "survey MODEL.onnx…",
		Short: "Tell of many models which can be compressed, and why not",
		Args:  some("MODEL.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			verdicts, err := ildc.Survey(c.Context(), args, budget)
			if err != nil {
				return usageError{err}
			}
			if asJSON {
				return printJSON(c, verdicts)
			}
			if _, err := fmt.Fprint(c.OutOrStdout(), report.VerdictTable(verdicts)); err != nil {
				return err
			}
			fmt.Fprintln(c.ErrOrStderr(), report.VerdictCounts(verdicts))
			return nil
		},
	}
	c.Flags().StringVar(&budget, "budget", "", "as for compress (default macs=0.5x)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	return c
}

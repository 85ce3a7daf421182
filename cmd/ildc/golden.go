package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/golden"
)

func goldenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "golden",
		Short: "Record inputs and outputs of a model, and check that it keeps reproducing them",
	}
	c.AddCommand(goldenRecordCommand(), goldenCheckCommand())
	return c
}

func goldenRecordCommand() *cobra.Command {
	var data dataFlags
	var engine engineFlags
	var o ildc.GoldenOptions
	c := &cobra.Command{
		Use:   "record MODEL.onnx DIR",
		Short: "Run the model on samples of the data and record inputs and outputs",
		Args:  exactly("MODEL.onnx", "DIR"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			o.Model, o.Dir = args[0], args[1]
			if o.Data, err = data.parse(o.Seed, false); err != nil {
				return err
			}
			if o.Engine, o.Golden.Engine, err = engine.open(say(c)); err != nil {
				return err
			}
			if err := ildc.RecordGolden(c.Context(), o); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "recorded %d cases of %s in %s\n", o.Cases, o.Model, o.Dir)
			return err
		},
	}
	f := c.Flags()
	data.register(f)
	engine.register(f)
	f.IntVarP(&o.Cases, "cases", "n", 3, "how many cases")
	f.IntVar(&o.Batch, "batch", 1, "samples in a case")
	f.Uint64Var(&o.Seed, "seed", 0, "of synthetic inputs")
	f.Float64Var(&o.Golden.RelTol, "rtol", 0, "relative tolerance to record (default 0.001)")
	f.Float64Var(&o.Golden.AbsTol, "atol", 0, "absolute tolerance to record (default 0.00001)")
	f.BoolVar(&o.Golden.Overwrite, "overwrite", false, "replace the cases that are there")
	return c
}

func goldenCheckCommand() *cobra.Command {
	var engine engineFlags
	var o golden.Options
	var asJSON bool
	c := &cobra.Command{
		Use:   "check MODEL.onnx DIR",
		Short: "Run the model on the recorded inputs and compare the outputs",
		Args:  exactly("MODEL.onnx", "DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			e, options, err := engine.open(say(c))
			if err != nil {
				return err
			}
			o.Engine = options
			r, err := golden.Check(c.Context(), args[0], args[1], e, o)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(c, r)
			} else {
				_, err = fmt.Fprintln(c.OutOrStdout(), r)
			}
			if err == nil && len(r.Failed()) > 0 {
				err = fmt.Errorf("%d of %d outputs differ: %w", len(r.Failed()), len(r.Comparisons), errNotMet)
			}
			return err
		},
	}
	f := c.Flags()
	engine.register(f)
	f.Float64Var(&o.RelTol, "rtol", 0, "relative tolerance, instead of the recorded one")
	f.Float64Var(&o.AbsTol, "atol", 0, "absolute tolerance, instead of the recorded one")
	f.BoolVar(&asJSON, "json", false, "print the report as one JSON object")
	return c
}

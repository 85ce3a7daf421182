package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
)

func evalCommand() *cobra.Command {
	var (
		data    dataFlags
		engine  engineFlags
		teacher string
		task    string
		batch   int
		least   float64
		asJSON  bool
	)
	c := &cobra.Command{
		Use:   "eval MODEL.onnx --data PATH",
		Short: "Measure a model on data, and against a teacher",
		Args:  exactly("MODEL.onnx"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			o := ildc.EvalOptions{Model: model(c, args[0]), Task: task, Batch: batch}
			if teacher != "" {
				o.Teacher = ildc.File(teacher)
			}
			if o.Data, err = data.parse(0, true); err != nil {
				return err
			}
			if o.Engine, o.EngineOptions, err = engine.open(say(c)); err != nil {
				return err
			}
			r, err := ildc.Evaluate(c.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(c, r)
			} else {
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s on %s (%d samples): %v\n",
					args[0], r.Measured, r.Metrics.Samples, r.Metrics)
			}
			if score, name := r.Metrics.Score(); err == nil && score < least {
				err = fmt.Errorf("%s %.4f is below --min-accuracy %.4f: %w", name, score, least, errNotMet)
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&teacher, "teacher", "", "model to compare the outputs with")
	data.register(f)
	engine.register(f)
	f.StringVar(&task, "task", "auto", "auto, classify or regress")
	f.IntVar(&batch, "batch", 0, "samples per run (default 64)")
	f.Float64Var(&least, "min-accuracy", 0,
		"least accuracy, 0 to 1 (agreement with the teacher, where there are no labels)")
	f.BoolVar(&asJSON, "json", false, "print the measures as one JSON object")
	return c
}

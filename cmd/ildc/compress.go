package main

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
)

func compressCommand() *cobra.Command {
	var (
		run    runFlags
		o      ildc.Options
		seed   uint64
		resume string
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "compress TEACHER.onnx",
		Short: "Generate a smaller student, train it to reproduce the teacher, and export it",
		Example: `  ildc compress teacher.onnx --data photos --preset imagenet --budget macs=0.5x
  ildc compress mnist.onnx --data mnist --preset unit --budget params=0.25x --epochs 5 --json`,
		Args: exactly("TEACHER.onnx"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := run.apply(c, &o, args[0], seed); err != nil {
				return err
			}
			if resume != "" {
				if o.Checkpoint != "" && o.Checkpoint != resume {
					return usageError{errors.New("--resume and --checkpoint name different folders")}
				}
				o.Checkpoint, o.Resume = resume, true
			}
			toStdout := o.Output == "-"
			switch {
			case toStdout && asJSON:
				return usageError{errors.New("-o - and --json both want stdout")}
			case toStdout:
				o.Output = ""
			case o.Output == "":
				if o.Output, err = defaultOutput(args[0]); err != nil {
					return err
				}
			}
			result, err := ildc.Compress(c.Context(), o)
			err = show(c, result, asJSON, !toStdout, err)
			if run.data.path == "" && result != nil && len(result.Warnings) > 0 { // they say what that costs
				run.announce(c)(flagsOf(c, "Path"))
			}
			if err != nil {
				return err
			}
			if toStdout {
				_, err = c.OutOrStdout().Write(result.Model)
				return err
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVarP(&o.Output, "output", "o", "", "student's file; - is stdout (default TEACHER.student.onnx)")
	f.BoolVar(&o.Overwrite, "overwrite", false, "replace an existing output")
	run.register(c)
	f.Uint64Var(&seed, "seed", 0, "of everything random; the same seed gives the same bytes")
	f.StringVar(&o.Checkpoint, "checkpoint", "", "folder for checkpoints")
	f.StringVar(&resume, "resume", "", "folder of checkpoints to go on from")
	f.Float64Var(&o.MinScore, "min-accuracy", 0,
		"least test accuracy, 0 to 1 (agreement with the teacher, where there are no labels)")
	f.BoolVar(&asJSON, "json", false, "print the result as one JSON object")
	return c
}

// defaultOutput is TEACHER.student.onnx beside the teacher.
func defaultOutput(teacher string) (string, error) {
	if teacher == "-" {
		return "", usageError{errors.New("the teacher comes from stdin: name the output with -o")}
	}
	return strings.TrimSuffix(teacher, filepath.Ext(teacher)) + ".student.onnx", nil
}

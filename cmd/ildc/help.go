package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc/distill/engine/ort"
	"github.com/ildc/ildc/distill/engine/ort/library"
	"github.com/ildc/ildc/internal/setting"
)

// flagOf gives the flag of each setting that an error of the library may name by its field, with what it takes where
// that is not plain.
var flagOf = map[string]string{
	// of the data
	"Data":       "--data PATH",
	"Path":       "--data PATH",
	"Preprocess": "--preset NAME",
	"Scale":      "--scale",
	"Mean":       "--mean",
	"Std":        "--std",
	"Layout":     "--layout nchw|nhwc",
	"Height":     "--resize HEIGHTxWIDTH",
	"Width":      "--resize HEIGHTxWIDTH",
	"Channels":   "--channels 1|3",
	"Label":      "--label",
	"Holdout":    "--holdout",
	"Validation": "--validation",
	"Synthetic":  "--synthetic",
	"Symbols":    "--bind NAME=SIZE",

	// of the student
	"Budget":  "--budget",
	"Keep":    "--keep",
	"Shrink":  "--shrink",
	"Share":   "--share",
	"Rank":    "--importance",
	"Student": "--student",
	"Pairs":   "--pair",
	"NoPairs": "--no-pair",
	"Select":  "--pairs",

	// of the training
	"Batch":       "--batch",
	"Memory":      "--memory",
	"Force":       "--force",
	"LearnRate":   "--lr",
	"Optimiser":   "--optimizer",
	"Losses":      "--losses",
	"FinalLosses": "--final-losses",
	"Task":        "--task",
	"Epochs":      "--epochs",
	"Steps":       "--steps",
	"Duration":    "--time",

	// of the engine
	"Name":          "--engine",
	"Library":       "--ort-lib PATH",
	"Device":        "--device",
	"DeviceOptions": "--device-option KEY=VALUE",
	"Threads":       "--threads",

	// of files
	"Output":     "--output FILE",
	"Overwrite":  "--overwrite",
	"Checkpoint": "--checkpoint FOLDER",
	"Resume":     "--resume FOLDER",
	"Folder":     "--folder FOLDER",
}

// help tells what may mend an error of a command, a line each: those of its flags whose settings the error names, and
// how to get ONNX Runtime where that is what is missing.
func help(c *cobra.Command, err error) []string {
	var lines []string
	if flags := flagsOf(c, setting.Fields(err)...); flags != "" {
		lines = append(lines, flags)
	}
	missing := errors.Is(err, library.ErrNotFound) || errors.Is(err, ort.ErrUnavailable)
	if missing && ort.Loadable() == nil {
		lines = append(lines, "`ildc runtime install` gets ONNX Runtime")
	}
	return lines
}

// flagsOf names the flags that a command has for settings; "" where it has none.
func flagsOf(c *cobra.Command, fields ...string) string {
	var flags []string
	for _, field := range fields {
		flag := flagOf[field]
		if flag != "" && c.Flag(flagName(flag)) != nil && !slices.Contains(flags, flag) {
			flags = append(flags, flag)
		}
	}
	if flags == nil {
		return ""
	}
	return "what may help: " + strings.Join(flags, ", ")
}

// flagName is the name of a flag as [flagOf] has it.
func flagName(flag string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(flag, "--"), " ")
	return name
}

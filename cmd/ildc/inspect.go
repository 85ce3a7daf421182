package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/importer/onnxgo"
)

func inspectCommand() *cobra.Command {
	var data dataFlags
	var asJSON, twice bool
	c := &cobra.Command{
		Use:   "inspect MODEL.onnx",
		Short: "Show a model's inputs, outputs, nodes and cost, and what can be done with each node",
		Args:  exactly("MODEL.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := data.parse(0, false)
			if err != nil {
				return err
			}
			i, err := ildc.Inspect(model(c, args[0]), d.Symbols)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(c, i)
			} else {
				_, err = fmt.Fprint(c.OutOrStdout(), i.Text())
			}
			if err != nil || !twice {
				return err
			}
			return crossCheck(c, args[0])
		},
	}
	c.Flags().StringToStringVar(&data.bind, "bind", nil, "sizes of symbolic extents other than the batch, as seq=64")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().BoolVar(&twice, "cross-check", false, "read the file with onnx-go, too, and compare")
	return c
}

// crossCheck compares our reading of a file with onnx-go's, and says so on stderr.
func crossCheck(c *cobra.Command, path string) error {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	g, err := importer.File(path)
	if err != nil {
		return err
	}
	r, err := onnxgo.CrossCheck(bytes, g)
	switch {
	case err != nil:
		return err
	case r.Skipped != "":
		fmt.Fprintf(c.ErrOrStderr(), "cross-check: onnx-go cannot read the model: %s\n", r.Skipped)
		return nil
	case !r.Agrees():
		return fmt.Errorf("cross-check: onnx-go reads the model otherwise:\n  %s", strings.Join(r.Differences, "\n  "))
	}
	fmt.Fprintf(c.ErrOrStderr(), "cross-check: onnx-go reads the same %d nodes, %d edges and %d weights\n",
		r.Nodes, r.Edges, r.Weights)
	return nil
}

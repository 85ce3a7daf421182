package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc/distill/engine/embedded"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of ildc and its engines",
		Args:  exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			version := "(devel)"
			if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
				version = info.Main.Version
			}
			e := embedded.New()
			_, err := fmt.Fprintf(c.OutOrStdout(), "ildc %s, %s %s/%s\nengine %s: %s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, e.Name(), e.Version())
			return err
		},
	}
}

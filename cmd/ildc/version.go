package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
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
			fast, why, err := ildc.OpenEngine(ildc.EngineChoice{})
			if err != nil {
				return err
			}
			ort := fast.Version()
			if fast.Name() != "ort" {
				ort = strings.TrimPrefix(why, "engine embedded: ")
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "ildc %s, %s %s/%s\nengine embedded: %s\nengine ort: %s\n",
				version, runtime.Version(), runtime.GOOS, runtime.GOARCH, embedded.New().Version(), ort)
			return err
		},
	}
}

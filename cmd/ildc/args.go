package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
)

// model is the model that an argument names; "-" is stdin.
func model(c *cobra.Command, arg string) ildc.Model {
	if arg == "-" {
		return ildc.Reader(c.InOrStdin())
	}
	return ildc.File(arg)
}

// exactly is cobra.ExactArgs with a usage error that says what is wanted.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usageError{fmt.Errorf("%s takes %d arguments %v, and got %d", c.CommandPath(), len(names), names, len(args))}
		}
		return nil
	}
}

// some is cobra.MinimumNArgs(1) with a usage error that says what is wanted.
func some(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{fmt.Errorf("%s takes one %s or more", c.CommandPath(), name)}
		}
		return nil
	}
}

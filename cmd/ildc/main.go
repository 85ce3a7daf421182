// Command ildc makes pretrained ONNX models smaller by intermediate-layer distillation.
//
// Data goes to stdout, progress and logs to stderr. Exit codes: 0 done; 1 failed; 2 bad usage; 3 a stated requirement
// (budget, --min-accuracy, golden tolerance) is not met; 4 the model is declined; 130 interrupted, with a checkpoint
// where there is a folder for it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/models"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotMet      = 3
	exitDeclined    = 4
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes the command line and gives the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	code := exitCode(err)
	if !errors.Is(err, errReported) {
		fmt.Fprintf(stderr, "ildc: %s\n", strings.TrimPrefix(err.Error(), "ildc: "))
		for _, line := range help(c, err) {
			fmt.Fprintln(stderr, "ildc: "+line)
		}
	}
	if code == exitUsage {
		fmt.Fprintln(stderr, "ildc: see ildc help")
	}
	return code
}

// rootCommand is the command with all of its subcommands.
func rootCommand(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "ildc",
		Short: "Make pretrained ONNX models smaller by intermediate-layer distillation",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q", args[0])}
			}
			return nil
		},
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(compressCommand(), studyCommand(), planCommand(), matchCommand(), inspectCommand(), surveyCommand(),
		evalCommand(), goldenCommand(), runtimeCommand(), versionCommand(), benchCommand(args))
	return root
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errNotMet says that the work is done and a stated requirement is not met.
var errNotMet = errors.New("a stated requirement is not met")

// errReported is wrapped by errors that the user has been told of already.
var errReported = errors.New("reported")

func exitCode(err error) int {
	var usage usageError
	var process *exec.ExitError
	switch {
	case errors.As(err, &process) && process.ExitCode() > 0: // what a process of our own has ended with
		return process.ExitCode()
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, ildc.ErrInterrupted) || errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, ildc.ErrDeclined):
		return exitDeclined
	case errors.Is(err, errNotMet) || errors.Is(err, models.ErrInfeasible):
		return exitNotMet
	}
	return exitFailed
}

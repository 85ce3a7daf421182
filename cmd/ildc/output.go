package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ildc/ildc"
)

// printJSON writes one object, or one array, to stdout.
func printJSON(c *cobra.Command, v any) error {
	enc := json.NewEncoder(c.OutOrStdout())
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// show prints a result, also that of a declined model, and turns what it says into the command's error.
func show(c *cobra.Command, r *ildc.Result, asJSON, text bool, err error) error {
	if r == nil {
		return err
	}
	if asJSON {
		if e := printJSON(c, r); e != nil {
			return e
		}
	} else if err == nil && text {
		fmt.Fprint(c.OutOrStdout(), r.Summary())
	}
	switch {
	case err != nil:
		return err
	case !r.Met:
		return fmt.Errorf("%s: %w", strings.Join(r.NotMet, "; "), errNotMet)
	}
	return nil
}

// say gives a function that tells the user something on stderr.
func say(c *cobra.Command) func(string) {
	return func(line string) { fmt.Fprintln(c.ErrOrStderr(), "ildc: "+line) }
}

// logger writes warnings, and with --verbose more, to stderr.
func logger(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	withoutTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTime}))
}

// isTerminal says whether a writer is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

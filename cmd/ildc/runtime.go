package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/ildc/ildc/distill/engine/ort"
	"github.com/ildc/ildc/distill/engine/ort/library"
)

// runtimeReport is what runtime prints with --json.
type runtimeReport struct {
	Path    string   `json:"path"`
	Source  string   `json:"source"`  // what named it
	Version string   `json:"version"` // of ONNX Runtime
	Pinned  bool     `json:"pinned"`  // it is the version, and the build, that `runtime install` gets
	Devices []string `json:"devices"` // whose execution providers it has; not all of them need be in this machine
}

func runtimeCommand() *cobra.Command {
	var (
		explicit string
		asJSON   bool
	)
	c := &cobra.Command{
		Use:   "runtime",
		Short: "Show which ONNX Runtime is used, or install one",
		Args:  exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := ort.Loadable(); err != nil {
				return err
			}
			found, err := library.Find(explicit)
			if err != nil {
				return err
			}
			if err := library.Check(found.Path); err != nil {
				return err
			}
			e, err := ort.New(found.Path)
			if err != nil {
				return err
			}
			origin, err := library.Origin(found.Path)
			if err != nil {
				return err
			}
			r := runtimeReport{
				Path: found.Path, Source: found.Source, Version: e.Release(), Pinned: origin != "", Devices: e.Providers(),
			}
			if asJSON {
				return printJSON(c, r)
			}
			build := "not one of the builds that `ildc runtime install` gets"
			if r.Pinned {
				build = "the pinned build from " + origin
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "ONNX Runtime %s, %s\n%s (%s)\ndevices: %s\n",
				r.Version, build, r.Path, r.Source, strings.Join(r.Devices, ", "))
			return err
		},
	}
	c.Flags().StringVar(&explicit, "ort-lib", "", "the library to show, instead of the one that is found")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.AddCommand(installCommand())
	return c
}

func installCommand() *cobra.Command {
	var o library.InstallOptions
	c := &cobra.Command{
		Use:   "install [FILE]",
		Short: "Install ONNX Runtime " + library.Version + " for this user",
		Long: "Install ONNX Runtime " + library.Version + ` into a folder of this user's, from the release's archive, from the
npm package through the npm client, or from a file: either of the two, or a library. What is downloaded has a pinned
checksum; from a file, nothing is downloaded.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && o.From != "":
				return usageError{fmt.Errorf("--from %s and the file %s: want one of them", o.From, args[0])}
			case len(args) == 1:
				o.From = args[0]
			case o.From != "" && o.From != library.FromArchive && o.From != library.FromNPM:
				return usageError{fmt.Errorf("--from %q: there are %s and %s", o.From, library.FromArchive, library.FromNPM)}
			}
			o.Progress = downloadProgress(c.ErrOrStderr())
			found, err := library.Install(c.Context(), o)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), found.Path)
			return err
		},
	}
	c.Flags().StringVar(&o.From, "from", "", "archive or npm (default: the first that can be had)")
	c.Flags().StringVar(&o.Folder, "folder", "", "where to install to (default: where ildc looks for it)")
	return c
}

// downloadProgress shows bytes on a terminal, and is silent elsewhere.
func downloadProgress(w io.Writer) func(done, total int64) {
	if !isTerminal(w) {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(done, total int64) {
		if bar == nil || bar.GetMax64() != total {
			bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true),
				progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionClearOnFinish())
		}
		_ = bar.Set64(done) // a bar that can't be drawn is no reason to stop
	}
}

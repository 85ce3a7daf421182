package report

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// BenchmarkTable is a table with a line for each of several measurements, side by side.
func BenchmarkTable(all []*Benchmark) string {
	var s strings.Builder
	t := tabwriter.NewWriter(&s, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")+"\t") }
	row("model", "engine", "batch", "threads", "p50 ms", "p90 ms", "images/s", "loaded MB", "peak MB")
	for _, b := range all {
		name := b.Model
		if b.Training {
			name += " (training)"
		}
		row(name, b.Engine, fmt.Sprint(b.Batch), fmt.Sprint(b.Threads), fmt.Sprintf("%.3f", b.P50),
			fmt.Sprintf("%.3f", b.P90), fmt.Sprintf("%.0f", b.ImagesPerSecond),
			megabytes(b.Memory.Loaded), megabytes(b.Memory.Peak))
	}
	t.Flush()
	return s.String()
}

func megabytes(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", float64(bytes)/1e6)
}

// VerdictTable is a Markdown table of verdicts.
func VerdictTable(all []Verdict) string {
	var s strings.Builder
	s.WriteString("| model | verdict | reached, or why not |\n|---|---|---|\n")
	cell := strings.NewReplacer("\n", "; ", "|", `\|`)
	for _, v := range all {
		fmt.Fprintf(&s, "| %s | %s | %s |\n", v.Path, v.Verdict, cell.Replace(v.Why))
	}
	return s.String()
}

// VerdictCounts says in one line how many models there are of each verdict.
func VerdictCounts(all []Verdict) string {
	count := map[string]int{}
	for _, v := range all {
		count[v.Verdict]++
	}
	return fmt.Sprintf("%d models: %d plannable, %d accepted only, %d declined",
		len(all), count["plannable"], count["accepted"], count["declined"])
}

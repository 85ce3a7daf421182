package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/ildc/ildc/distill"
)

// progress shows a run on stderr: a bar on a terminal, lines otherwise, one JSON object per event with "json", nothing
// with "none".
func progress(w io.Writer, mode string) (func(distill.Progress), error) {
	if mode == "auto" {
		mode = "plain"
		if isTerminal(w) {
			mode = "bar"
		}
	}
	switch mode {
	case "bar":
		return barProgress(w), nil
	case "plain":
		return plainProgress(w), nil
	case "json":
		return jsonProgress(w), nil
	case "none":
		return nil, nil
	}
	return nil, usageError{fmt.Errorf("--progress %q: there are auto, plain, json and none", mode)}
}

func barProgress(w io.Writer) func(distill.Progress) {
	var bar *progressbar.ProgressBar
	phase, steps := "", 0
	return func(p distill.Progress) {
		if p.Step == 0 {
			return
		}
		if bar == nil || p.Phase != phase || p.Steps != steps {
			phase, steps = p.Phase, p.Steps
			all := p.Steps
			if all == 0 {
				all = -1 // a spinner
			}
			bar = progressbar.NewOptions(all, progressbar.OptionSetWriter(w), progressbar.OptionShowCount(),
				progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionClearOnFinish())
		}
		bar.Describe(doing(p))
		_ = bar.Set(p.Step) // a bar that can't be drawn is no reason to stop
		if p.Point != nil {
			_ = bar.Clear()
			fmt.Fprintln(w, pointLine(p))
		}
	}
}

// plainEvery is how often a line is written between validations.
const plainEvery = 10 * time.Second

func plainProgress(w io.Writer) func(distill.Progress) {
	last := time.Now()
	return func(p distill.Progress) {
		switch {
		case p.Point != nil:
			fmt.Fprintln(w, pointLine(p))
		case p.Step > 0 && time.Since(last) >= plainEvery:
			line := doing(p)
			if p.Steps > 0 {
				line += fmt.Sprintf(", step %d/%d, %v left", p.Step, p.Steps, p.Remaining.Round(time.Second))
			}
			fmt.Fprintln(w, line)
		default:
			return
		}
		last = time.Now()
	}
}

// doing says what is going on.
func doing(p distill.Progress) string {
	if p.ImagesPerSecond == 0 {
		return fmt.Sprintf("%s, %d tried", p.Phase, p.Step)
	}
	return fmt.Sprintf("%s, loss %.4g, %.0f images/s", p.Phase, p.Loss, p.ImagesPerSecond)
}

func pointLine(p distill.Progress) string {
	return fmt.Sprintf("step %d/%d, loss %.4g, validation: %v, %v left",
		p.Step, p.Steps, p.Loss, p.Point.Metrics, p.Remaining.Round(time.Second))
}

func jsonProgress(w io.Writer) func(distill.Progress) {
	enc := json.NewEncoder(w)
	return func(p distill.Progress) {
		_ = enc.Encode(map[string]any{"phase": p.Phase, "step": p.Step, "steps": p.Steps, "loss": p.Loss,
			"images_per_second": p.ImagesPerSecond, "remaining_seconds": p.Remaining.Seconds(), "point": p.Point})
	}
}

// jsonMessage writes a line of text as an event.
func jsonMessage(w io.Writer) func(string) {
	enc := json.NewEncoder(w)
	return func(line string) { _ = enc.Encode(map[string]any{"phase": "message", "message": line}) }
}

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ildc/ildc/distill"
)

// TestBarProgress: a phase of unknown length has a spinner; a bar gets its length as soon as that is known.
func TestBarProgress(t *testing.T) {
	var w bytes.Buffer
	show := barProgress(&w)
	for _, c := range []struct {
		p    distill.Progress
		want string
	}{
		{distill.Progress{Phase: "choosing", Step: 3}, "choosing, 3 tried"},
		{distill.Progress{Phase: "training", Step: 1, Loss: 2, ImagesPerSecond: 100}, "training, loss 2, 100 images/s"},
		{distill.Progress{Phase: "training", Step: 50, Steps: 100, Loss: 1, ImagesPerSecond: 100}, "/100)"},
	} {
		w.Reset()
		time.Sleep(110 * time.Millisecond) // a bar is drawn ten times a second at most
		show(c.p)
		if !strings.Contains(w.String(), c.want) {
			t.Errorf("%+v shows %q, want %q", c.p, w.String(), c.want)
		}
	}
}

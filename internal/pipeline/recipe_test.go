package pipeline

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ildc/ildc/distill/dataset"
)

// What the number of samples decides, and what the caller decides against it.
func TestPrescribe(t *testing.T) {
	few, tenth := dataset.Source{Train: images(t, 40)}, dataset.Source{Train: images(t, 40), Validation: 0.1}
	plain := few
	plain.Augment.NoMixup = true
	own := few
	own.Augment.Mixup = 0.2
	for _, c := range []struct {
		name  string
		s     dataset.Source
		steps int // −1: for some time
		last  bool
		mixup float64
		says  []string
	}{
		{"few", few, 0, true, 1, []string{"all 40 samples train", "each is seen 1280 times"}},
		{"few, hardly seen", few, 10, true, 0, []string{"all 40 samples train"}},
		{"few, for a time", few, -1, true, 1, []string{"all 40 samples train", "for the time"}},
		{"some held out", tenth, 0, false, 1, []string{"mixup=1"}},
		{"no mixup", plain, 0, true, 0, []string{"all 40 samples train"}},
		{"its own mixup", own, 0, true, 0.2, []string{"all 40 samples train"}},
	} {
		d, err := Open(context.Background(), Samples{Source: c.s}, digitInputs(t), 0)
		if err != nil {
			t.Fatal(err)
		}
		j := Job{Data: Samples{Source: c.s}}
		if j.Train.Steps = max(c.steps, 0); c.steps < 0 {
			j.Train.Duration = time.Minute
		}
		r := Prescribe(j, d)
		if r.Train.KeepLast != c.last || r.Augment.Mixup != c.mixup || len(r.Why) != len(c.says) {
			t.Errorf("%s: %+v", c.name, r)
		}
		for _, want := range c.says {
			if !strings.Contains(strings.Join(r.Why, "\n"), want) {
				t.Errorf("%s: %q does not say %q", c.name, r.Why, want)
			}
		}
	}
	if r := Prescribe(Job{}, nil); r.Why != nil || r.Train.KeepLast {
		t.Errorf("without data: %+v", r)
	}
}

package pipeline

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
)

// Recipe is how a student is trained on as many samples as there are, where the caller leaves it open.
type Recipe struct {
	Train   distill.Options
	Augment dataset.Augment
	Why     []string // what was chosen, and why, in words
}

// manyPasses is how often a training that mixes samples sees each of them, at the least: a student that sees each a few
// times has no time to learn them by heart.
const manyPasses = 30

// Prescribe settles what depends on the number of samples. d is nil without data.
func Prescribe(j Job, d *Data) Recipe {
	r := Recipe{Train: j.Train, Augment: j.Data.Augment}
	r.Train.Random = j.Choice.Random
	if d == nil {
		return r
	}
	samples := d.Train.Len()
	if !d.HeldOut {
		r.Train.KeepLast = true
		r.Why = append(r.Why, fmt.Sprintf("all %d samples train and the last state is kept: few held out would tell little",
			samples))
	}
	mixable := r.Augment.Mixup == 0 && !r.Augment.NoMixup && d.mixes()
	switch passes := r.Train.Passes(samples); {
	case !mixable:
	case passes >= manyPasses:
		r.Augment.Mixup = 1
		r.Why = append(r.Why, fmt.Sprintf("samples are mixed with each other (mixup=1): each is seen %.0f times", passes))
	case j.Train.Duration > 0 && !d.HeldOut:
		r.Augment.Mixup = 1
		r.Why = append(r.Why, "samples are mixed with each other (mixup=1): they are few for the time there is")
	}
	return r
}

// onOutputsAlone is the recipe without losses on feature maps.
func (r Recipe) onOutputsAlone() Recipe {
	r.Train.Losses = loss.Default().OutputsAlone()
	r.Why = append(slices.Clone(r.Why), "no losses on feature maps: after a trial without them the student is nearer")
	return r
}

// measuredOn is the recipe for a student whose channels were measured on so many samples.
func (r Recipe) measuredOn(samples int) Recipe {
	r.Why = append(slices.Clone(r.Why), fmt.Sprintf("channels are shared out by sensitivity, measured on %d samples",
		samples))
	return r
}

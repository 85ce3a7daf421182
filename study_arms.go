package ildc

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ildc/ildc/distill"
)

// arm is one way to train that a study compares.
type arm struct {
	name, about string
	losses      distill.Weights
	random      bool
}

// The names of arms that are not terms.
const (
	scratchArm  = "scratch"
	finetuneArm = "finetune"
	defaultArm  = "default"
	baselineArm = "kd"
)

// DefaultArms are the arms of a study that names none: those on layers of attention, which few models have, are to be named.
func DefaultArms() []string {
	arms := []string{scratchArm, finetuneArm, baselineArm}
	for _, l := range distill.FeatureLosses() {
		if l.Role == distill.Maps {
			arms = append(arms, baselineArm+"+"+l.Name)
		}
	}
	return append(arms, defaultArm)
}

// arms reads the names of arms: "scratch" (random weights, kd), "finetune" (the pruned student on labels alone), "default" (the default
// mix), or terms to train the pruned student with, as "kd+hint" or "kd+hint=2+at". A term has its weight of the default mix, or
// else 1. Terms on outputs and feature maps come beside the default weight of labels.
func (o StudyOptions) arms() ([]arm, error) {
	names := o.Arms
	if names == nil {
		names = DefaultArms()
	}
	var arms []arm
	var errs []error
	seen := map[string]bool{}
	for _, name := range names {
		a, err := newArm(name)
		if err == nil && seen[name] {
			err = fmt.Errorf("ildc: study: arm %q is named twice", name)
		}
		seen[name] = true
		arms, errs = append(arms, a), append(errs, err)
	}
	if o.Seeds < 0 {
		errs = append(errs, fmt.Errorf("ildc: study: %d seeds: want 1 or more", o.Seeds))
	}
	if len(names) == 0 {
		errs = append(errs, errors.New("ildc: a study without arms"))
	}
	return arms, errors.Join(errs...)
}

func newArm(name string) (arm, error) {
	mix := distill.DefaultLosses()
	a := arm{name: name, losses: distill.Weights{"kd": mix["kd"], "ce": mix["ce"]}}
	switch name {
	case scratchArm:
		a.about, a.random = "random weights, outputs", true
		return a, nil
	case finetuneArm:
		a.about, a.losses = "the teacher's weights, labels alone", distill.Weights{"ce": 1}
		return a, nil
	case defaultArm:
		a.about, a.losses = "the teacher's weights, default mix", mix
		return a, nil
	}
	given, err := distill.ParseWeights(strings.ReplaceAll(name, "+", ","))
	if err != nil {
		return a, fmt.Errorf("ildc: study: arm %q: there are %s, %s, %s and terms joined by +: %w", name, scratchArm, finetuneArm, defaultArm, err)
	}
	a.about, a.losses = "the teacher's weights", distill.Weights{"ce": mix["ce"]}
	for term, weight := range given {
		if w, known := mix[term]; known && !strings.Contains(name, term+"=") {
			weight = w
		}
		a.losses[term] = weight
	}
	return a, nil
}

func (a arm) apply(o *Options) {
	o.Random, o.Train.Losses = a.random, maps.Clone(a.losses)
}

// Spread is a mean over seeds, and the deviation of one seed from it, by n−1; 0 for one seed.
type Spread struct {
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"`
}

func spread(v []float64) Spread {
	var s Spread
	for _, x := range v {
		s.Mean += x / float64(len(v))
	}
	if len(v) > 1 {
		for _, x := range v {
			s.Deviation += (x - s.Mean) * (x - s.Mean) / float64(len(v)-1)
		}
		s.Deviation = math.Sqrt(s.Deviation)
	}
	return s
}

// chance is how likely n paired differences with no mean of their own have one as far from 0: the two-sided t-test. nil for a single one.
func chance(d Spread, n int) *float64 {
	if n < 2 {
		return nil
	}
	p := 1.0
	if d.Mean != 0 {
		t := math.Abs(d.Mean) / (d.Deviation / math.Sqrt(float64(n))) // ∞ where all are the same
		p = 2 * distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Survival(t)
	}
	return &p
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

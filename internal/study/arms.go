package study

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/internal/pipeline"
)

// Arm is one way to train that a study compares.
type Arm struct {
	Name string

	about  string
	losses loss.Weights
	random bool // the student starts from random weights
}

// The names of arms that are not terms, and of the one that others are compared with.
const (
	scratch   = "scratch"
	finetune  = "finetune"
	byDefault = "default"
	baseline  = "kd"
)

// DefaultArms are the arms of a study that names none: those on layers of attention, which few models have, are to be
// named.
func DefaultArms() []string {
	arms := []string{scratch, finetune, baseline}
	for _, l := range loss.Features() {
		if l.Role == loss.Maps {
			arms = append(arms, baseline+"+"+l.Name)
		}
	}
	return append(arms, byDefault)
}

// ParseArms reads the names of arms: "scratch" (random weights, kd), "finetune" (the pruned student on labels alone),
// "default" (the default mix), or terms to train the pruned student with, as "kd+hint" or "kd+hint=2+at". A term has
// its weight of the default mix, or else 1. Terms on outputs and feature maps come beside the default weight of labels.
// nil are the [DefaultArms].
func ParseArms(names []string) ([]Arm, error) {
	if names == nil {
		names = DefaultArms()
	}
	if len(names) == 0 {
		return nil, errors.New("ildc: a study without arms")
	}
	var arms []Arm
	var errs []error
	seen := map[string]bool{}
	for _, name := range names {
		a, err := parseArm(name)
		if err == nil && seen[name] {
			err = fmt.Errorf("ildc: study: arm %q is named twice", name)
		}
		seen[name] = true
		arms, errs = append(arms, a), append(errs, err)
	}
	return arms, errors.Join(errs...)
}

func parseArm(name string) (Arm, error) {
	mix := loss.Default()
	switch name {
	case scratch:
		losses := loss.Weights{"kd": mix["kd"], "ce": mix["ce"]}
		return Arm{Name: name, about: "random weights, outputs", losses: losses, random: true}, nil
	case finetune:
		return Arm{Name: name, about: "the teacher's weights, labels alone", losses: loss.Weights{"ce": 1}}, nil
	case byDefault:
		return Arm{Name: name, about: "the teacher's weights, default mix", losses: mix}, nil
	}
	given, err := loss.ParseWeights(strings.ReplaceAll(name, "+", ","))
	if err != nil {
		return Arm{}, fmt.Errorf("ildc: study: arm %q: there are %s, %s, %s and terms joined by +: %w",
			name, scratch, finetune, byDefault, err)
	}
	losses := loss.Weights{"ce": mix["ce"]}
	for term, weight := range given {
		if w, known := mix[term]; known && !strings.Contains(name, term+"=") {
			weight = w
		}
		losses[term] = weight
	}
	return Arm{Name: name, about: "the teacher's weights", losses: losses}, nil
}

// of is a job as the arm trains.
func (a Arm) of(j pipeline.Job) pipeline.Job {
	j.Choice.Random, j.Train.Losses = a.random, maps.Clone(a.losses)
	return j
}

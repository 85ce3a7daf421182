package distill

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ildc/ildc/distill/loss"
)

// Term is a term of the objective as it was used.
type Term struct {
	Name    string   `json:"name"`
	Weight  float64  `json:"weight"`
	Balance float64  `json:"balance,omitempty"` // what Weight is multiplied by, of feature maps: see docs/losses.md
	Pairs   []string `json:"pairs,omitempty"`   // of feature maps
	Outputs []string `json:"outputs,omitempty"` // where there are several, and the term is not of all of them
	Refused []string `json:"refused,omitempty"` // pairs and outputs that it makes no sense for, and why
	Unused  bool     `json:"unused,omitempty"`  // it makes sense for none, and was left out
}

// ErrNoTerm says that a loss which was asked for has nothing to compare.
var ErrNoTerm = errors.New("the loss has nothing to compare")

// usedTerms tells what became of each term that has a weight. A term that was asked for by name must have something to
// compare, but for the labels', since there may be few.
func (s *session) usedTerms(emitted map[string]bool) ([]Term, error) {
	var terms []Term
	var errs []error
	for _, name := range loss.Names() {
		if _, weighed := s.goal.weights[name]; !weighed {
			continue
		}
		t := Term{Name: name, Weight: s.o.Losses[name], Balance: s.goal.balance[name]}
		s.copies.describe(&t, s.goal.pairs)
		if t.Unused = !emitted[name]; t.Unused {
			err := fmt.Errorf("distill: loss %s: %w: %s", name, ErrNoTerm, strings.Join(t.Refused, "; "))
			if s.o.named && name != loss.CE().Name {
				errs = append(errs, err)
			}
			s.job.log().Info("a term is left out", "why", err)
		}
		terms = append(terms, t)
	}
	return terms, errors.Join(errs...)
}

// describe says what a term compares, and what it refuses.
func (c *copies) describe(t *Term, pairs []Pair) {
	i := slices.IndexFunc(loss.Outputs(), func(l loss.OutputLoss) bool { return l.Name == t.Name })
	if i >= 0 {
		for _, o := range c.outputs {
			if why := refusal(loss.Outputs()[i], o); why != "" {
				t.Refused = append(t.Refused, fmt.Sprintf("output %s: %s", o.name, why))
			} else {
				t.Outputs = append(t.Outputs, o.name)
			}
		}
		if len(t.Outputs) == len(c.outputs) {
			t.Outputs = nil
		}
		return
	}
	teacher, student := c.teacher.ByName(), c.training.ByName()
	for _, l := range loss.Features() {
		if l.Name != t.Name {
			continue
		}
		pairs = slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return p.Role != l.Role })
		if len(pairs) == 0 {
			t.Refused = append(t.Refused, fmt.Sprintf("no %s are aligned", cmp.Or(l.Role, "feature maps")))
		}
		for _, p := range pairs {
			f := p.feature(teacher, student)
			if why := l.Refuse(*f); why != "" {
				t.Refused = append(t.Refused, fmt.Sprintf("pair %s: %s", f.Name, why))
			} else {
				t.Pairs = append(t.Pairs, f.Name)
			}
		}
	}
}

// refusal says why a loss makes no sense for an output; "" where it does.
func refusal(l loss.OutputLoss, o output) string {
	switch {
	case l.Labels && !o.labelled:
		return "it has no labels"
	case l.Logits && !o.classify:
		return "it is no logits"
	}
	return ""
}

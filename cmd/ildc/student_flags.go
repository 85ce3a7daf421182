package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/layermatch"
	"github.com/ildc/ildc/models"
)

// studentFlags say what the student is.
type studentFlags struct {
	budget         string
	keep           []string
	pairs, noPairs []string
	student        string
	importance     string
	selection      string
	shrink, share  string
	random         bool
}

func (s *studentFlags) register(f *pflag.FlagSet) {
	f.StringVar(&s.budget, "budget", "", "macs=, params=, bytes= or latency=, each a ratio (0.5x) or an absolute "+
		"(20M, 1MB, 2ms); several with commas (default macs=0.5x)")
	f.StringSliceVar(&s.keep, "keep", nil, "nodes of the teacher whose width stays")
	f.StringVar(&s.importance, "importance", "", "what tells how much a channel matters: reconstruction, activation, l2, "+
		"bn or taylor (default: reconstruction where there are data, else l2)")
	f.StringVar(&s.shrink, "shrink", "", "what the student has less of: width (channels), depth (blocks and layers) or "+
		"both (default: what is nearest to the teacher after short trainings; both for a latency; width without data)")
	f.StringVar(&s.share, "share", "", "how the budget is shared out over layers: sensitivity (what outputs lose is "+
		"least), reconstruction (what layers lose), importance or uniform (default: what is best after short trainings; "+
		"without them sensitivity, or reconstruction where steps are few; importance without data)")
	s.registerPairs(f)
	f.StringVar(&s.student, "student", "", "a student of your own, instead of a generated one")
	f.BoolVar(&s.random, "random-init", false, "start from random weights instead of the teacher's")
}

// registerPairs registers what steers alignment.
func (s *studentFlags) registerPairs(f *pflag.FlagSet) {
	f.StringVar(&s.selection, "pairs", "",
		"which aligned pairs to distil from: auto (the last of each stage), all, or how many (default auto)")
	f.StringSliceVar(&s.pairs, "pair", nil, "align teacher_value:student_value")
	f.StringSliceVar(&s.noPairs, "no-pair", nil, "leave a pair, or a value, out of the alignment")
}

func (s *studentFlags) apply(o *ildc.Options) error {
	o.Budget, o.Keep, o.Pairs, o.NoPairs, o.Random = s.budget, s.keep, s.pairs, s.noPairs, s.random
	if s.selection != "" {
		var err error
		if o.Select, err = layermatch.ParseSelection(s.selection); err != nil {
			return usageError{fmt.Errorf("--pairs: %w", err)}
		}
	}
	err := errors.Join(oneOf("--shrink", s.shrink, models.Shrinks(), &o.Shrink),
		oneOf("--share", s.share, models.Shares(), &o.Share),
		oneOf("--importance", s.importance, models.Importances(), &o.Rank))
	if err != nil {
		return usageError{err}
	}
	if s.student != "" {
		o.Student = ildc.File(s.student)
	}
	if s.budget != "" {
		if _, err := models.ParseBudget(s.budget); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// oneOf sets an option to what a flag says, if that is one of the values that there are; "" leaves it open.
func oneOf[T ~string](flag, text string, values []T, option *T) error {
	if text != "" && !slices.Contains(values, T(text)) {
		return fmt.Errorf("%s %q: there are %v", flag, text, values)
	}
	*option = T(text)
	return nil
}

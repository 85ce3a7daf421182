package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/layermatch"
)

// Alignment says who teaches whom.
type Alignment struct {
	*layermatch.Alignment
	Pairs []distill.Pair // those to distil from, as losses take them
	Table string         // all of them, explained
}

// Align pairs the values of teacher and student. With data it tells how alike they are; d is nil without.
func Align(ctx context.Context, j Job, teacher *Model, s *Student, d *Data) (*Alignment, error) {
	o, err := j.Wishes.options(teacher.Analysed, s)
	if err != nil {
		return nil, err
	}
	if d.real() {
		o.Activations = j.activations(ctx, teacher, s.Graph, d)
	}
	a := &Alignment{}
	if a.Alignment, err = layermatch.Align(teacher.Analysed, s.Analysed, o); err != nil {
		return nil, err
	}
	for _, pair := range a.Chosen() {
		a.Pairs = append(a.Pairs, s.taught(pair, a.Alignment))
	}
	a.Pairs = append(a.Pairs, s.attention(a.Alignment)...)
	var table strings.Builder
	err = a.Alignment.Table(&table, false)
	a.Table = table.String()
	return a, err
}

// pairs are those to distil from, as they are reported.
func (a *Alignment) pairs() []report.Pair {
	all := []report.Pair{}
	for _, p := range a.Chosen() {
		all = append(all, report.Pair{Teacher: p.Teacher.Name, Student: p.Student.Name, Score: p.Score, Bridge: p.Bridge})
	}
	return all
}

// taught is an aligned pair as losses take it.
func (s *Student) taught(pair layermatch.Pair, a *layermatch.Alignment) distill.Pair {
	beside := func(names layermatch.Names, ok bool) *distill.Pair {
		if !ok {
			return nil
		}
		b := &distill.Pair{Teacher: names.Teacher, Student: names.Student, Channel: pair.Teacher.Channel}
		if s.Generated != nil {
			if l := s.Generated.Lineage[names.Student]; l.Teacher == names.Teacher || slices.Contains(l.Instead, names.Teacher) {
				b.Kept = l.Channels()
			}
		}
		return b
	}
	return distill.Pair{Teacher: pair.Teacher.Name, Student: pair.Student.Name, Channel: pair.Teacher.Channel,
		Kept: pair.Kept, First: beside(a.First(pair)), Pre: beside(pair.Pre())}
}

// attention are the attention layers that correspond, as losses take them: scores and values.
func (s *Student) attention(a *layermatch.Alignment) (pairs []distill.Pair) {
	for _, layer := range a.Attention {
		t, own := layer.Teacher, layer.Student
		scores := distill.Pair{Role: loss.Scores, Teacher: t.Scores, Student: own.Scores, Channel: 1}
		if s.Generated != nil {
			if l := s.Generated.Lineage[own.Scores]; l.Teacher == t.Scores && len(l.Kept) > 1 {
				scores.Kept = l.Kept[1]
			}
		}
		pairs = append(pairs, scores, distill.Pair{Role: loss.Values, Teacher: t.Values, Student: own.Values, Channel: 1})
	}
	return pairs
}

// options turns the caller's wishes, and lineage where it is known, into the matcher's.
func (w Wishes) options(teacher *graph.Graph, s *Student) (layermatch.Options, error) {
	o := layermatch.Options{Select: w.Select}
	var errs []error
	for _, text := range w.Pairs {
		n, err := layermatch.ParseNames(text, teacher, s.Analysed)
		o.Pairs, errs = append(o.Pairs, n), append(errs, err)
	}
	for _, text := range w.NoPairs {
		n, err := layermatch.ParseNames(text, teacher, s.Analysed)
		o.Exclude, errs = append(o.Exclude, n), append(errs, err)
	}
	if s.Generated != nil {
		o.Lineage = map[string]layermatch.Source{}
		values := s.Analysed.ByName()
		for name, l := range s.Generated.Lineage {
			if v := values[name]; v != nil && len(v.Shape) >= 2 {
				o.Lineage[name] = layermatch.Source{Teacher: l.Teacher, Instead: l.Instead, Kept: l.Channels()}
			}
		}
	}
	return o, errors.Join(errs...)
}

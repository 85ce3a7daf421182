package layermatch

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ildc/ildc/graph"
)

// Options steer an alignment. The zero value aligns by shape and depth alone.
type Options struct {
	Pairs   []Names // pairs that are to be, whatever their score; other pairs don't cross them
	Exclude []Names // pairs that are not to be

	Select Selection // which of the pairs are to distil from

	// Lineage says which teacher value each student value came from, by the student value's name. It decides nothing: it
	// checks the pairs, and says which of the teacher's channels the student has.
	Lineage map[string]Source

	// Activations gives values on a calibration batch of at least some samples, for linear CKA. nil: no CKA.
	Activations Activations
}

// Names names a teacher's value and a student's.
type Names struct{ Teacher, Student string }

// Source is where a student's value came from.
type Source struct {
	Teacher string   // the teacher's value
	Instead []string // others of the teacher's that the student has not, and in whose place the value stands
	Kept    []int    // for each of the student's channels the teacher's
}

// ParseNames reads "teacher_value:student_value". Names may have colons themselves: the split is where both values
// exist.
func ParseNames(text string, teacher, student *graph.Graph) (Names, error) {
	ts, ss := teacher.ByName(), student.ByName()
	var found []Names
	for i, r := range text {
		if r == ':' && ts[text[:i]] != nil && ss[text[i+1:]] != nil {
			found = append(found, Names{text[:i], text[i+1:]})
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return Names{}, fmt.Errorf("layermatch: %q can be read as several pairs of values", text)
	case !strings.Contains(text, ":"):
		return Names{}, fmt.Errorf("layermatch: %q: want teacher_value:student_value", text)
	}
	const want = "want teacher_value:student_value with a value of the teacher and one of the student"
	return Names{}, fmt.Errorf("layermatch: %q: "+want, text)
}

// Alignment is what was found.
type Alignment struct {
	Pairs         []Pair      `json:"pairs"`   // in the student's order
	Teacher       []Candidate `json:"teacher"` // in total order
	Student       []Candidate `json:"student"`
	TeacherStages []Stage     `json:"teacher_stages"`
	StudentStages []Stage     `json:"student_stages"`
	Similarity    *Similarity `json:"similarity,omitempty"` // nil without activations

	Attention []AttentionPair `json:"attention,omitempty"` // in the student's order
}

// Align pairs the teacher's values with the student's: the monotone assignment whose scores add up to the most. Both
// graphs have their shapes inferred; MACs count where shapes are static. Neither is changed. The error names all
// overrides that can't be.
func Align(teacher, student *graph.Graph, o Options) (*Alignment, error) {
	t, s := analyse(teacher), analyse(student)
	var errs []error
	given := make([]Pair, 0, len(o.Pairs))
	for _, names := range o.Pairs {
		p, err := givenPair(t, s, names)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		given = append(given, p)
	}
	for _, names := range o.Exclude {
		errs = append(errs, exists(t, "teacher", names.Teacher), exists(s, "student", names.Student))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var similarity *Similarity
	if o.Activations != nil {
		var err error
		if similarity, err = t.similar(s, o.Activations); err != nil {
			return nil, err
		}
	}
	for i := range given {
		given[i].Terms.CKA = similarity.between(given[i].Teacher.Name, given[i].Student.Name)
	}
	pairs := append(newScores(t, s, given, similarity, o).assign(), given...)
	slices.SortStableFunc(pairs, func(p, q Pair) int {
		return cmp.Compare(s.place(p.Student.Name), s.place(q.Student.Name))
	})
	for i := range pairs {
		pairs[i].trace(t, o.Lineage)
		pairs[i].Bridge = pairs[i].bridge()
	}
	choose(pairs, t.stages, o.Select)
	return &Alignment{Pairs: pairs, Teacher: t.candidates(), Student: s.candidates(), TeacherStages: t.stages,
		StudentStages: s.stages,
		Similarity:    similarity, Attention: pairAttention(t, s, o.Lineage)}, nil
}

func (n *network) candidates() []Candidate {
	all := make([]Candidate, len(n.chains))
	for i, c := range n.chains {
		all[i] = c.Candidate
	}
	return all
}

// value finds a value by name.
func (n *network) value(name string) *graph.Value {
	if n.byName == nil {
		n.byName = n.graph.ByName()
	}
	return n.byName[name]
}

// place is where a value stands in the total order: with its chain, or after all where it is in none.
func (n *network) place(name string) int {
	c := n.chainOf[n.value(name)]
	if i := slices.Index(n.chains, c); i >= 0 {
		return i
	}
	return len(n.chains)
}

func exists(n *network, side, name string) error {
	if n.value(name) == nil {
		return fmt.Errorf("layermatch: the %s has no value %q", side, name)
	}
	return nil
}

// givenPair is a pair that a person asked for. Any values with channels can be paired, candidates or not.
func givenPair(t, s *network, names Names) (Pair, error) {
	if err := errors.Join(exists(t, "teacher", names.Teacher), exists(s, "student", names.Student)); err != nil {
		return Pair{}, err
	}
	p := Pair{Given: true}
	for _, side := range []struct {
		n    *network
		name string
		to   *Candidate
	}{{t, names.Teacher, &p.Teacher}, {s, names.Student, &p.Student}} {
		v := side.n.value(side.name)
		if c := side.n.chainOf[v]; c != nil {
			*side.to = c.Candidate
			if v != c.value {
				side.to.PreActivation = ""
			}
		}
		stage, within := side.to.Stage, side.to.Within
		if !side.n.describe(side.to, v) {
			return Pair{}, fmt.Errorf("layermatch: value %q %v carries no channels of features: it can't be paired", v.Name,
				v.Shape)
		}
		side.to.Stage, side.to.Within = stage, within
	}
	terms, ok := compare(p.Teacher, p.Student)
	if !ok {
		return Pair{}, fmt.Errorf("layermatch: pair %q %v, %q %v: the extents of one are not multiples of the other's",
			p.Teacher.Name, p.Teacher.Shape, p.Student.Name, p.Student.Shape)
	}
	if !p.sameLayout() {
		return Pair{}, fmt.Errorf("layermatch: pair %q %v, %q %v: the axes lie in another order, and nothing bridges that",
			p.Teacher.Name, p.Teacher.Shape, p.Student.Name, p.Student.Shape)
	}
	p.Terms, p.Score = terms, terms.Score()
	return p, nil
}

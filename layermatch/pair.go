package layermatch

import (
	"fmt"
	"slices"
	"strings"
)

// Pair is a teacher's value and the student's that corresponds to it.
type Pair struct {
	Teacher Candidate `json:"teacher"`
	Student Candidate `json:"student"`
	Score   float64   `json:"score"` // in [0,1]
	Terms   Terms     `json:"terms"`
	Bridge  string    `json:"bridge"` // how the shapes are brought together, "none" where they are equal

	// Lineage is "" where it is not known, "agrees", or "disagrees: " with the teacher's value that the student's came
	// from.
	Lineage string `json:"lineage,omitempty"`
	Kept    []int  `json:"kept,omitempty"` // for each student channel the teacher's, where lineage agrees

	Given  bool   `json:"given,omitempty"`  // a person asked for it
	Chosen string `json:"chosen,omitempty"` // why the pair is one to distil from; "" where it is not
}

// trace checks a pair against the lineage. Values of one chain count as one.
func (p *Pair) trace(t *network, lineage map[string]Source) {
	source, ok := lineage[p.Student.Name]
	if !ok {
		return
	}
	if !slices.ContainsFunc(append([]string{source.Teacher}, source.Instead...), func(name string) bool {
		c := t.chainOf[t.value(name)]
		return name == p.Teacher.Name || c != nil && c == t.chainOf[t.value(p.Teacher.Name)]
	}) {
		p.Lineage = "disagrees: " + source.Teacher
		return
	}
	p.Lineage = "agrees"
	if len(source.Kept) == p.Student.Channels() {
		p.Kept = source.Kept
	}
}

// bridge says how the student's value is brought to the shape of the teacher's.
func (p *Pair) bridge() string {
	var steps []string
	t, s := p.Teacher.Channels(), p.Student.Channels()
	switch {
	case t == s:
	case p.Kept != nil:
		steps = append(steps, fmt.Sprintf("gather %d of %d channels", s, t))
	default:
		steps = append(steps, fmt.Sprintf("1×1 connector %d→%d", s, t))
	}
	if ratio := spatialRatio(p.Teacher.Spatial(), p.Student.Spatial()); ratio > 1 {
		steps = append(steps, "pool the teacher to "+resolution(p.Student.Spatial()))
	} else if ratio < 1 {
		steps = append(steps, "pool the student to "+resolution(p.Teacher.Spatial()))
	}
	if len(p.Teacher.Shape) != len(p.Student.Shape) {
		steps = append(steps, "reshape")
	} else if p.Teacher.Channel != p.Student.Channel {
		steps = append(steps, "transpose")
	}
	if steps == nil {
		return "none"
	}
	return strings.Join(steps, ", ")
}

// sameLayout says whether both values have their axes in the same places.
func (p *Pair) sameLayout() bool {
	return len(p.Teacher.Shape) == len(p.Student.Shape) && p.Teacher.Channel == p.Student.Channel
}

// First names the first values of the stages that a pair lies in, which have its resolution; ok is false where there
// are none beside the pair's own, or with their axes in other places.
func (a *Alignment) First(p Pair) (first Names, ok bool) {
	t, okT := firstOf(a.Teacher, a.TeacherStages, p.Teacher)
	s, okS := firstOf(a.Student, a.StudentStages, p.Student)
	return Names{t.Name, s.Name}, okT && okS
}

// firstOf finds the first candidate of the stage that c lies in.
func firstOf(all []Candidate, stages []Stage, c Candidate) (Candidate, bool) {
	if c.Stage < 0 {
		return Candidate{}, false
	}
	i := slices.IndexFunc(all, func(d Candidate) bool { return d.Name == stages[c.Stage].First })
	if i < 0 || all[i].Name == c.Name || all[i].Channel != c.Channel || len(all[i].Shape) != len(c.Shape) {
		return Candidate{}, false
	}
	return all[i], true
}

// Pre names what the activations read that gave a pair's values; ok is false where one of them was given by none.
func (p Pair) Pre() (pre Names, ok bool) {
	pre = Names{p.Teacher.PreActivation, p.Student.PreActivation}
	return pre, pre.Teacher != "" && pre.Student != ""
}

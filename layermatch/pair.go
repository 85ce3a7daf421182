package layermatch

import (
	"fmt"
	"strings"
)

// Pair is a teacher's value and the student's that corresponds to it.
type Pair struct {
	Teacher Candidate `json:"teacher"`
	Student Candidate `json:"student"`
	Score   float64   `json:"score"` // in [0,1]
	Terms   Terms     `json:"terms"`
	Bridge  string    `json:"bridge"` // how the shapes are brought together, "none" where they are equal

	// Lineage is "" where it is not known, "agrees", or "disagrees: " with the teacher's value that the student's came from.
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
	if source.Teacher != p.Teacher.Name {
		c := t.chainOf[t.value(source.Teacher)]
		if c == nil || c != t.chainOf[t.value(p.Teacher.Name)] {
			p.Lineage = "disagrees: " + source.Teacher
			return
		}
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

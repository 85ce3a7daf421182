package models

import (
	"github.com/ildc/ildc/graph/pass"
)

// Lineage says where a value of the student came from.
type Lineage struct {
	Teacher string   // the teacher's value
	Instead []string // others of the teacher's, with the same channels, that are gone and in whose place it stands
	Kept    [][]int  // per axis the teacher's positions that are left; nil for an axis that is whole

	axis, width int // where channels lie in the teacher's value, and how many; −1 where there are none
}

// Channels gives, for each channel of the student's value, the teacher's; nil where no channels lie along any of its
// axes.
func (l Lineage) Channels() []int {
	if l.axis < 0 {
		return nil
	}
	if l.axis < len(l.Kept) && l.Kept[l.axis] != nil {
		return l.Kept[l.axis]
	}
	all := make([]int, l.width)
	for i := range all {
		all[i] = i
	}
	return all
}

// lineage traces every value of the student that the teacher has too.
func lineage(gs *pass.Groups, sliced *pass.Sliced) map[string]Lineage {
	own, teacher := sliced.Graph.ByName(), gs.Source.ByName()
	from := map[string]Lineage{}
	for _, v := range gs.Graph.Values() {
		if own[v.Name] == nil || teacher[v.Name] == nil {
			continue
		}
		l := Lineage{Teacher: v.Name, Kept: sliced.Kept[v.Name], axis: gs.ChannelAxis(v)}
		if l.axis >= 0 {
			l.width = v.Shape[l.axis].Size
		}
		from[v.Name] = l
	}
	return from
}

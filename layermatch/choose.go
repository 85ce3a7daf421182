package layermatch

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// evenly is how many pairs are chosen from a network of one stage, mostChosen how many at the most from one of many.
const (
	evenly     = 4
	mostChosen = 6
)

// Selection says how many pairs are to distil from: so many, or one of these.
type Selection int

// Selections that are no numbers.
const (
	Auto Selection = 0  // the last of each stage
	All  Selection = -1 // every pair that can be
)

// ParseSelection reads "auto", "all" or a number of pairs from 1 on.
func ParseSelection(text string) (Selection, error) {
	switch text {
	case "auto":
		return Auto, nil
	case "all":
		return All, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return Auto, fmt.Errorf("layermatch: selection %q: want auto, all or a number of pairs", text)
	}
	return Selection(n), nil
}

// choose marks the pairs to distil from: those that were asked for, and by default of each of the teacher's other
// stages the last: of the last stage with positions the very last map, of others the end of their last block, where
// they have blocks, since the block that leaves a stage begins at its resolution. A network of one stage, such as a
// multilayer perceptron, or whose maps have one resolution, such as a transformer, gives some at even distances. Where
// there are many stages, some are taken at even distances. Pairs of equal resolution on every path are preferred. What
// a pool alone has made is left: it says what its operand says. A number takes so many of the ends of stages, at even
// distances, or of all pairs where there are fewer ends.
func choose(pairs []Pair, stages []Stage, selection Selection) {
	staged := make([][]*Pair, len(stages))
	var eligible []*Pair
	given := make([]bool, len(stages))
	used := 0
	for i := range pairs {
		p := &pairs[i]
		k := p.Teacher.Stage
		if p.Given {
			p.Chosen = "given"
			if k >= 0 {
				given[k] = true
			}
			continue
		}
		if k >= 0 && p.Student.Stage >= 0 && p.sameLayout() && p.Teacher.Kind != Pooling && p.Student.Kind != Pooling {
			eligible = append(eligible, p)
			if staged[k] = append(staged[k], p); len(staged[k]) == 1 {
				used++
			}
		}
	}
	// the last stage of maps with positions, the one of most pairs, and whether all have one resolution
	lastMaps, longest, even := -1, -1, true
	for k, in := range staged {
		if len(in) > 0 && len(stages[k].Spatial) > 0 {
			even = even && (lastMaps < 0 || slices.Equal(stages[k].Spatial, stages[lastMaps].Spatial))
			if lastMaps = k; longest < 0 || len(in) > len(staged[longest]) {
				longest = k
			}
		}
	}
	var taken []*Pair
	reason := map[*Pair]string{}
	take := func(p *Pair, why string) {
		taken = append(taken, p)
		reason[p] = why
	}
	for k, in := range staged {
		if len(in) == 0 || given[k] {
			continue
		}
		whole, blocks := preferred(in, false), preferred(in, true)
		last := whole[len(whole)-1]
		switch {
		case used == 1 || even && k == longest:
			if ends := merged(in); used > 1 && len(ends) > 0 {
				blocks = ends
			}
			if blocks[len(blocks)-1] != last {
				blocks = append(blocks, last)
			}
			few := spread(blocks, evenly)
			for i, p := range few {
				take(p, fmt.Sprintf("hidden %d of %d", i+1, len(few)))
			}
		case k == lastMaps:
			take(last, "last map")
		case len(stages[k].Spatial) == 0:
			take(last, "last vector")
		default:
			take(blocks[len(blocks)-1], "last at "+resolution(stages[k].Spatial))
		}
	}
	switch most := int(selection); {
	case selection == All:
		taken = eligible
	case most > len(taken):
		taken = spread(eligible, most)
	case most > 0:
		taken = spread(taken, most)
	default:
		taken = spread(taken, mostChosen)
	}
	for _, p := range taken {
		p.Chosen = cmp.Or(reason[p], "asked for")
	}
}

// merged keeps the ends of blocks: of a transformer every one counts, though masks lead past them.
func merged(pairs []*Pair) []*Pair {
	return slices.DeleteFunc(slices.Clone(pairs), func(p *Pair) bool {
		return p.Teacher.Kind != Merge || p.Student.Kind != Merge || p.Terms.Spatial != 1
	})
}

// preferred keeps the pairs that have most of what is wanted of a pair: equal resolution, to be on every path, and,
// with merges, to be the end of a block.
func preferred(pairs []*Pair, merges bool) []*Pair {
	merit := func(p *Pair) int {
		m := 0
		for _, wanted := range []bool{
			p.Terms.Spatial == 1,
			p.Teacher.Through && p.Student.Through,
			merges && p.Teacher.Kind == Merge && p.Student.Kind == Merge,
		} {
			m *= 2
			if wanted {
				m++
			}
		}
		return m
	}
	most := merit(slices.MaxFunc(pairs, func(p, q *Pair) int { return cmp.Compare(merit(p), merit(q)) }))
	return slices.DeleteFunc(slices.Clone(pairs), func(p *Pair) bool { return merit(p) < most })
}

// spread takes pairs at even distances, the last among them.
func spread(pairs []*Pair, most int) []*Pair {
	count := min(most, len(pairs))
	taken := make([]*Pair, count)
	for i := range taken {
		taken[i] = pairs[((i+1)*len(pairs)+count-1)/count-1]
	}
	return taken
}

// Chosen lists the pairs to distil from.
func (a *Alignment) Chosen() []Pair {
	return slices.DeleteFunc(slices.Clone(a.Pairs), func(p Pair) bool { return p.Chosen == "" })
}

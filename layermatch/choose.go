package layermatch

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/ildc/ildc/internal/setting"
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
		err = fmt.Errorf("layermatch: selection %q: want auto, all or a number of pairs", text)
		return Auto, setting.Mends(err, "Select")
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
	c := newChoice(pairs, stages)
	switch most := int(selection); {
	case selection == All:
		c.taken = c.eligible
	case most > len(c.taken):
		c.taken = spread(c.eligible, most)
	case most > 0:
		c.taken = spread(c.taken, most)
	default:
		c.taken = spread(c.taken, mostChosen)
	}
	for _, p := range c.taken {
		p.Chosen = cmp.Or(c.reason[p], "asked for")
	}
}

// choice is what can be chosen, and the ends of stages among it.
type choice struct {
	stages   []Stage
	staged   [][]*Pair // that are eligible, by the teacher's stage
	given    []bool    // whether pairs of a stage were asked for
	eligible []*Pair
	used     int // stages that have eligible pairs

	lastMaps int  // the last stage of maps with positions, −1 for none
	longest  int  // of those the one of most pairs
	even     bool // whether all of those have one resolution

	taken  []*Pair
	reason map[*Pair]string // of those taken
}

func newChoice(pairs []Pair, stages []Stage) *choice {
	c := &choice{stages: stages, staged: make([][]*Pair, len(stages)), given: make([]bool, len(stages)),
		lastMaps: -1, longest: -1, even: true, reason: map[*Pair]string{}}
	for i := range pairs {
		p := &pairs[i]
		k := p.Teacher.Stage
		if p.Given {
			p.Chosen = "given"
			if k >= 0 {
				c.given[k] = true
			}
			continue
		}
		if k >= 0 && p.Student.Stage >= 0 && p.sameLayout() && p.Teacher.Kind != Pooling && p.Student.Kind != Pooling {
			c.eligible = append(c.eligible, p)
			if c.staged[k] = append(c.staged[k], p); len(c.staged[k]) == 1 {
				c.used++
			}
		}
	}
	for k, in := range c.staged {
		if len(in) > 0 && len(stages[k].Spatial) > 0 {
			c.even = c.even && (c.lastMaps < 0 || slices.Equal(stages[k].Spatial, stages[c.lastMaps].Spatial))
			if c.lastMaps = k; c.longest < 0 || len(in) > len(c.staged[c.longest]) {
				c.longest = k
			}
		}
	}
	for k, in := range c.staged {
		if len(in) > 0 && !c.given[k] {
			c.takeEnds(k, in)
		}
	}
	return c
}

// takeEnds takes what stands for stage k: its end, or, of a network that has little else, some pairs at even distances.
func (c *choice) takeEnds(k int, in []*Pair) {
	whole, blocks := preferred(in, false), preferred(in, true)
	last := whole[len(whole)-1]
	switch {
	case c.used == 1 || c.even && k == c.longest:
		if ends := merged(in); c.used > 1 && len(ends) > 0 {
			blocks = ends
		}
		if blocks[len(blocks)-1] != last {
			blocks = append(blocks, last)
		}
		few := spread(blocks, evenly)
		for i, p := range few {
			c.take(p, fmt.Sprintf("hidden %d of %d", i+1, len(few)))
		}
	case k == c.lastMaps:
		c.take(last, "last map")
	case len(c.stages[k].Spatial) == 0:
		c.take(last, "last vector")
	default:
		c.take(blocks[len(blocks)-1], "last at "+resolution(c.stages[k].Spatial))
	}
}

func (c *choice) take(p *Pair, why string) {
	c.taken = append(c.taken, p)
	c.reason[p] = why
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

package models

import (
	"cmp"
	"math"
	"slices"

	"github.com/ildc/ildc/graph/pass"
)

// widthSearch finds the number of channels to keep in each group.
type widthSearch struct {
	groups   []*pass.Group
	rankings []ranking
	allowed  [][]int // by group: the widths to choose from, rising
	share    Share
	cost     func(widths []int) float64 // of the measure that is limited
	fits     func(widths []int) bool
}

// allow says which widths there are to choose from. Groups whose removal changes the rest stay whole unless loose; any
// says whether there are such.
func (s *widthSearch) allow(o Options, loose bool) (any bool) {
	s.allowed = nil
	for _, group := range s.groups {
		widths := []int{group.Channels}
		if group.Loose == "" || loose {
			widths = allowedWidths(group, o.Multiple, cmp.Or(o.Floor, 1./16))
		}
		any = any || group.Loose != ""
		s.allowed = append(s.allowed, widths)
	}
	return any
}

// allowedWidths lists the multiples from the floor on, and the whole. At least two outputs of each weight stay.
func allowedWidths(group *pass.Group, multiple int, floor float64) []int {
	channels, each := group.Channels, math.MaxInt
	for _, a := range group.Axes {
		if a.Source {
			each = min(each, len(a.At[0]))
		}
	}
	if multiple == 0 {
		switch {
		case channels >= 256:
			multiple = 8
		case channels >= 32:
			multiple = 4
		case channels >= 16:
			multiple = 2
		default:
			multiple = 1
		}
	}
	least := max(1, int(math.Ceil(floor*float64(channels))))
	if each == 1 {
		least = max(2, least)
	}
	var widths []int
	for w := multiple; w < channels; w += multiple {
		if w >= least {
			widths = append(widths, w)
		}
	}
	return append(widths, channels)
}

// run gives the widest student that fits; ok is false where none does, and the widths are then the smallest.
//
// Widths follow one number, see [parts]. The largest that fits is found by bisection, and what is left of the budget
// goes to single groups, those with the most important next channels first.
func (s *widthSearch) run() (widths []int, ok bool) {
	at := s.parts()
	low, high := 0.0, 1.0
	if whole := at(high); s.fits(whole) {
		return whole, true
	}
	if smallest := at(low); !s.fits(smallest) {
		return smallest, false
	}
	for range 30 {
		if middle := (low + high) / 2; s.fits(at(middle)) {
			low = middle
		} else {
			high = middle
		}
	}
	return s.grow(at(low)), true
}

func (s *widthSearch) parts() parts {
	switch s.share {
	case Uniform:
		return uniform(s.groups, s.allowed)
	case ByRank:
		return byRank(s.groups, s.rankings, s.allowed)
	}
	return byReconstruction(s.rankings, s.allowed, s.cost)
}

// grow widens groups by a step as long as one fits.
func (s *widthSearch) grow(widths []int) []int {
	var order []int
	for i := range widths {
		order = append(order, i)
	}
	next := func(i int) float64 {
		if widths[i] == s.groups[i].Channels {
			return 0
		}
		return s.rankings[i].worth[widths[i]]
	}
	for grown := true; grown; {
		grown = false
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(next(b), next(a)) })
		for _, i := range order {
			k := slices.Index(s.allowed[i], widths[i])
			if k+1 == len(s.allowed[i]) {
				continue
			}
			was := widths[i]
			if widths[i] = s.allowed[i][k+1]; s.fits(widths) {
				grown = true
			} else {
				widths[i] = was
			}
		}
	}
	return widths
}

package models

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/ildc/ildc/graph/pass"
)

// widthSearch finds the number of channels to keep in each group.
type widthSearch struct {
	groups     []*pass.Group
	importance [][]float64
	pooled     []float64 // the importance of all channels, falling
	allowed    [][]int   // by group: the widths to choose from, rising
	fits       func(widths []int) bool
}

// newWidthSearch is a search without widths to choose from, see allow.
func newWidthSearch(groups []*pass.Group, importance [][]float64, fits func(widths []int) bool) *widthSearch {
	s := &widthSearch{groups: groups, importance: importance, fits: fits}
	for _, v := range importance {
		s.pooled = append(s.pooled, v...)
	}
	slices.SortFunc(s.pooled, func(a, b float64) int { return cmp.Compare(b, a) })
	return s
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
// Widths follow one number r, from 0 to 1: each group keeps, rounded to an allowed width, the mean of an equal part r
// of it and of how many of its channels are among the part r of highest importance in the model. Importance alone would
// all but remove layers whose weights are unevenly spread; equal parts would ignore it. The largest r that fits is
// found by bisection, and what is left of the budget goes to single groups, those with the most important next channels
// first.
func (s *widthSearch) run() (widths []int, ok bool) {
	low, high := 0.0, 1.0
	if whole := s.at(high); s.fits(whole) {
		return whole, true
	}
	if smallest := s.at(low); !s.fits(smallest) {
		return smallest, false
	}
	for range 30 {
		if middle := (low + high) / 2; s.fits(s.at(middle)) {
			low = middle
		} else {
			high = middle
		}
	}
	return s.grow(s.at(low)), true
}

func (s *widthSearch) at(r float64) []int {
	widths := make([]int, len(s.groups))
	threshold := math.Inf(1)
	if n := int(r * float64(len(s.pooled))); n > 0 {
		threshold = s.pooled[n-1]
	}
	for i, group := range s.groups {
		above := 0
		for _, v := range s.importance[i] {
			if v >= threshold {
				above++
			}
		}
		widths[i] = nearest(s.allowed[i], (r*float64(group.Channels)+float64(above))/2)
	}
	return widths
}

// nearest gives the allowed width nearest to w, the larger of two.
func nearest(allowed []int, w float64) int {
	i := sort.Search(len(allowed), func(i int) bool { return float64(allowed[i]) >= w })
	switch {
	case i == len(allowed):
		return allowed[i-1]
	case i > 0 && w-float64(allowed[i-1]) < float64(allowed[i])-w:
		return allowed[i-1]
	}
	return allowed[i]
}

// grow widens groups by a step as long as one fits.
func (s *widthSearch) grow(widths []int) []int {
	falling := make([][]float64, len(s.groups))
	for i, v := range s.importance {
		falling[i] = slices.Clone(v)
		slices.SortFunc(falling[i], func(a, b float64) int { return cmp.Compare(b, a) })
	}
	var order []int
	for i := range widths {
		order = append(order, i)
	}
	next := func(i int) float64 {
		if widths[i] == s.groups[i].Channels {
			return 0
		}
		return falling[i][widths[i]]
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

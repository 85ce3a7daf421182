package models

import (
	"math"
	"slices"
	"sort"

	"github.com/ildc/ildc/graph/pass"
)

// Share says how a budget is shared out over the groups of channels.
type Share string

// The ways to share a budget out.
const (
	Uniform          Share = "uniform"        // each group keeps the same part of its channels
	ByReconstruction Share = "reconstruction" // so that what the readers of channels lose is least, see ranking
	BySensitivity    Share = "sensitivity"    // the same, by how far that takes the outputs from the teacher's
	// half by equal parts, half by how many of its channels are among the most important
	ByRank Share = "importance"
)

// Shares lists the ways to share a budget out.
func Shares() []Share { return []Share{BySensitivity, ByReconstruction, ByRank, Uniform} }

// parts gives a width for each group by one number r, from 0 (the smallest) to 1 (all channels).
type parts func(r float64) []int

// uniform keeps a part r of each group, rounded to an allowed width.
func uniform(groups []*pass.Group, allowed [][]int) parts {
	return func(r float64) []int {
		widths := make([]int, len(groups))
		for i, group := range groups {
			widths[i] = nearest(allowed[i], r*float64(group.Channels))
		}
		return widths
	}
}

// byRank keeps of each group, rounded to an allowed width, the mean of an equal part r of it and of how many of its
// channels are among the part r of highest importance in the model. Importance alone would all but remove layers whose
// weights are unevenly spread; equal parts would ignore it.
func byRank(groups []*pass.Group, rankings []ranking, allowed [][]int) parts {
	var pooled []float64 // the importance of all channels, falling
	for _, r := range rankings {
		pooled = append(pooled, r.worth...)
	}
	slices.Sort(pooled)
	slices.Reverse(pooled)
	return func(r float64) []int {
		widths := make([]int, len(groups))
		threshold := math.Inf(1)
		if n := int(r * float64(len(pooled))); n > 0 {
			threshold = pooled[n-1]
		}
		for i, group := range groups {
			above := 0
			for _, v := range rankings[i].worth {
				if v >= threshold {
					above++
				}
			}
			widths[i] = nearest(allowed[i], (r*float64(group.Channels)+float64(above))/2)
		}
		return widths
	}
}

// byReconstruction narrows, one allowed width after the other, the group that loses the least for what that saves of a
// cost, from all channels down to the smallest student; r is a place on that way.
//
// What a step saves falls as other groups narrow, and what it loses rises as its own does. So a group whose step was
// the best, and still is when it is counted anew, is the best of all.
func byReconstruction(rankings []ranking, allowed [][]int, cost func(widths []int) float64) parts {
	widths := make([]int, len(allowed))
	for i, w := range allowed {
		widths[i] = w[len(w)-1]
	}
	way := [][]int{slices.Clone(widths)}
	now := cost(widths)
	price := func(i int) float64 { // of the next step of a group
		k := slices.Index(allowed[i], widths[i])
		if k == 0 {
			return math.Inf(1)
		}
		narrower := slices.Clone(widths)
		narrower[i] = allowed[i][k-1]
		return (rankings[i].lost[narrower[i]] - rankings[i].lost[widths[i]]) / max(now-cost(narrower), 1)
	}
	prices := make([]float64, len(allowed))
	for i := range prices {
		prices[i] = price(i)
	}
	for len(prices) > 0 {
		best := leastOf(prices)
		if math.IsInf(prices[best], 1) {
			break
		}
		if again := price(best); again > prices[best] {
			if prices[best] = again; leastOf(prices) != best {
				continue
			}
		}
		widths[best] = allowed[best][slices.Index(allowed[best], widths[best])-1]
		now = cost(widths)
		way = append(way, slices.Clone(widths))
		prices[best] = price(best)
	}
	return func(r float64) []int { return slices.Clone(way[int(math.Round((1-r)*float64(len(way)-1)))]) }
}

func leastOf(v []float64) int {
	best := 0
	for i, x := range v {
		if x < v[best] {
			best = i
		}
	}
	return best
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

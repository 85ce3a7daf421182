package models

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
)

// measuredParts are the parts of a group's channels at which it is measured.
var measuredParts = []float64{0.75, 0.5, 0.25}

// leastSensitivity is what a measured part costs at the least, beyond the one before: what is measured has some noise,
// and what costs nothing would all be removed.
const leastSensitivity = 1e-3

// Measurements is how many students [BySensitivity] measures of a teacher, at the most.
func Measurements(teacher *graph.Graph, bind pass.Binding) (int, error) {
	gs, err := pass.Channels(teacher, bind)
	if err != nil {
		return 0, fmt.Errorf("models: %w", err)
	}
	return 1 + len(measuredParts)*len(gs.List), nil
}

// weighBySensitivity puts what groups lose on one scale. What the readers of a group lose is a part of what they give,
// and says nothing of how much of that reaches the outputs: a residual block adds little to what it skips. So each
// group is narrowed by itself, and what it loses becomes how much farther it then is from the teacher; between the
// widths that are measured in proportion to what the readers lose.
func (n *narrowing) weighBySensitivity() error {
	all := make([]int, len(n.groups.List))
	for i, group := range n.groups.List {
		all[i] = group.Channels
	}
	whole, err := n.distance(all)
	if err != nil {
		return err
	}
	for i, group := range n.groups.List {
		r := &n.rankings[i]
		lost, cost := []float64{0}, []float64{0} // at the measured widths, rising
		for _, part := range measuredParts {
			width := int(part * float64(group.Channels))
			if width < 1 || r.lost[width] <= lost[len(lost)-1] {
				continue
			}
			narrower := slices.Clone(all)
			narrower[i] = width
			d, err := n.distance(narrower)
			if err != nil {
				return err
			}
			lost = append(lost, r.lost[width])
			cost = append(cost, max(d-whole, cost[len(cost)-1]+leastSensitivity))
		}
		if len(lost) > 1 {
			for k, l := range r.lost {
				r.lost[k] = along(lost, cost, l)
			}
		}
	}
	return nil
}

// along interpolates y at x, and goes on beyond the last as steeply as before it.
func along(xs, ys []float64, x float64) float64 {
	k := 1
	for k < len(xs)-1 && xs[k] < x {
		k++
	}
	return ys[k-1] + (x-xs[k-1])*(ys[k]-ys[k-1])/(xs[k]-xs[k-1])
}

// distance measures how far from the teacher the base is with so many channels of each group, made up for.
func (n *narrowing) distance(widths []int) (float64, error) {
	sliced, err := n.groups.Slice(n.kept(widths))
	if err != nil {
		return 0, fmt.Errorf("models: %w", err)
	}
	if err := compensate(n.groups, sliced, n.readers, n.activations); err != nil {
		return 0, err
	}
	return n.options.Divergence(sliced.Graph)
}

package layermatch

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Stage is a contiguous run of equal resolution in the total order of candidates. Values without positions that later maps
// depend on (the gates of squeeze-and-excitation) stand aside of all stages, unless every path leads through them.
type Stage struct {
	Spatial       []int  `json:"spatial"` // extents of positions; none for vectors
	First         string `json:"first"`
	Last          string `json:"last"`
	PreActivation string `json:"pre_activation,omitempty"` // that of the last
	Length        int    `json:"length"`                   // number of candidates
}

// findStages cuts the candidates into stages. The last of a stage is the end of its last block, or else the last value that every path
// leads through: inner values of the block that leaves the stage may have the stage's resolution still. No block leaves the last
// stage of maps with positions.
func (n *network) findStages() {
	toMap := map[*graph.Value]bool{} // a map with positions depends on it
	for _, node := range slices.Backward(n.order) {
		for _, v := range node.Outputs {
			if channel, ok := n.channel[v]; toMap[v] || ok && len(spatial(v.Shape, channel)) > 0 {
				for _, w := range n.operands(node) {
					toMap[w] = true
				}
			}
		}
	}
	var runs [][]*chain
	for _, c := range n.chains {
		extents := c.Spatial()
		if len(extents) == 0 && toMap[c.value] && !c.Through {
			continue
		}
		if last := len(runs) - 1; last >= 0 && slices.Equal(runs[last][0].Spatial(), extents) {
			runs[last] = append(runs[last], c)
		} else {
			runs = append(runs, []*chain{c})
		}
	}
	lastMaps := -1
	for i, run := range runs {
		if len(run[0].Spatial()) > 0 {
			lastMaps = i
		}
	}
	for i, run := range runs {
		for k, c := range run {
			c.Stage, c.Within = i, 1
			if len(run) > 1 {
				c.Within = float64(k) / float64(len(run)-1)
			}
		}
		merit := func(c *chain) int {
			switch {
			case c.Through && c.Kind == Merge && i != lastMaps:
				return 2
			case c.Through:
				return 1
			}
			return 0
		}
		last := run[0]
		for _, c := range run {
			if merit(c) >= merit(last) {
				last = c
			}
		}
		n.stages = append(n.stages, Stage{Spatial: run[0].Spatial(), First: run[0].Name, Last: last.Name, PreActivation: last.PreActivation, Length: len(run)})
	}
}

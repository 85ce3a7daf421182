package layermatch

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Stage is a contiguous run of equal resolution in the total order of candidates. Values of another resolution within a
// block, such as the gates of squeeze-and-excitation and the maps of attention, stand aside of all stages.
type Stage struct {
	Spatial       []int  `json:"spatial"` // extents of positions; none for vectors
	First         string `json:"first"`
	Last          string `json:"last"`
	PreActivation string `json:"pre_activation,omitempty"` // that of the last
	Length        int    `json:"length"`                   // number of candidates
}

// blockDepth is the depth, as a fraction of the whole, below which what lies between two values of one resolution is a
// block of its stage, and from which on it is a network in the network, with stages of its own.
const blockDepth = 0.5

// arrange brings branches that run in parallel into one order. Between two values a and b that every path leads
// through, depth mixes branches that change the resolution early with ones that change it late: those that still have
// a's resolution go first, those that have b's already go last. Where a and b have the same resolution and a block lies
// between them, others in it stand aside.
func (n *network) arrange() {
	var arranged []*chain
	var a *chain
	for rest := n.chains; len(rest) > 0; {
		end := slices.IndexFunc(rest, func(c *chain) bool { return c.Through })
		var b *chain
		between := rest
		if end >= 0 {
			b, between = rest[end], rest[:end]
		}
		place := func(c *chain) int {
			switch {
			case a != nil && c.sameResolution(a):
				return 0
			case b != nil && c.sameResolution(b):
				return 2
			}
			return 1
		}
		if a == nil || b == nil || !a.sameResolution(b) {
			slices.SortStableFunc(between, func(c, d *chain) int { return place(c) - place(d) })
		} else if b.Depth-a.Depth < blockDepth {
			for _, c := range between {
				c.aside = c.aside || !c.sameResolution(a)
			}
		}
		arranged = append(arranged, between...)
		rest = rest[len(between):]
		if a = b; b != nil {
			arranged, rest = append(arranged, b), rest[1:]
		}
	}
	n.chains = arranged
}

func (c *chain) sameResolution(d *chain) bool { return slices.Equal(c.Spatial(), d.Spatial()) }

// findStages cuts the candidates into stages. The last of a stage is the end of its last block, or else the last value
// that every path leads through: inner values of the block that leaves the stage may have the stage's resolution still.
// No block leaves the last stage of maps with positions.
func (n *network) findStages() {
	n.setVectorsAside()
	var runs [][]*chain
	lastMaps := -1
	for _, c := range n.chains {
		if c.aside {
			continue
		}
		if last := len(runs) - 1; last >= 0 && runs[last][0].sameResolution(c) {
			runs[last] = append(runs[last], c)
		} else {
			runs = append(runs, []*chain{c})
		}
		if len(c.Spatial()) > 0 {
			lastMaps = len(runs) - 1
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
		n.stages = append(n.stages, Stage{Spatial: run[0].Spatial(), First: run[0].Name, Last: last.Name,
			PreActivation: last.PreActivation, Length: len(run)})
	}
}

// setVectorsAside marks values without positions that later maps depend on, unless every path leads through them.
func (n *network) setVectorsAside() {
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
	for _, c := range n.chains {
		c.aside = c.aside || len(c.Spatial()) == 0 && toMap[c.value] && !c.Through
	}
}

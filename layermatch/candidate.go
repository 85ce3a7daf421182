package layermatch

import (
	"strconv"
	"strings"

	"github.com/ildc/ildc/graph"
)

// Candidate is a value that carries features, as the matcher sees it: the end of a chain such as Conv,
// BatchNormalization, Relu.
type Candidate struct {
	Name string `json:"name"` // of the value at the chain's end
	// PreActivation is the value that the chain's activation reads; "" without one.
	PreActivation string      `json:"pre_activation,omitempty"`
	Shape         graph.Shape `json:"shape"`
	Channel       int         `json:"channel"` // the channel axis
	Kind          Kind        `json:"kind"`    // of the chain's first op
	Op            string      `json:"op"`      // the chain's first op, with the extents of its kernel: "Conv 3×3"
	Through       bool        `json:"through"` // every path from an input to an output leads through the value

	// Depth is the fraction, in (0,1], of compute nodes (those that have MACs) passed on the longest path; MACs is that of
	// MACs on the path that has the most.
	Depth float64 `json:"depth"`
	MACs  float64 `json:"macs"`

	// Stage is the number of the stage, -1 where the value is in none; Within is the place in it, 0 for the first, 1 for
	// the last.
	Stage  int     `json:"stage"`
	Within float64 `json:"within"`
}

// Kind is what brings a value about. Activations, normalisations and additions of constants that directly follow an
// op are part of its chain, so that a teacher with batch normalisation and one with folded weights look the same.
type Kind string

// The kinds.
const (
	Linear        Kind = "linear"        // a convolution or matrix product
	Merge         Kind = "merge"         // joins values: a residual sum, a concatenation, a gate
	Pooling       Kind = "pooling"       // summarises over spatial axes
	Normalisation Kind = "normalisation" // one whose operand others read, too
	Activation    Kind = "activation"    // likewise
)

// Channels is the extent of the channel axis, 0 where it is symbolic.
func (c Candidate) Channels() int { return c.Shape[c.Channel].Size }

// Spatial gives the extents of the axes other than batch and channels (positions, tokens), outermost first, 0 for a
// symbolic one. A map of one position has none, as a vector has.
func (c Candidate) Spatial() []int { return spatial(c.Shape, c.Channel) }

func spatial(shape graph.Shape, channel int) []int {
	var extents []int
	single := true
	for axis, d := range shape {
		if axis > 0 && axis != channel {
			extents = append(extents, d.Size)
			single = single && d.Is(1)
		}
	}
	if single {
		return nil
	}
	return extents
}

// resolution prints spatial extents, as in "8×8".
func resolution(extents []int) string {
	if len(extents) == 0 {
		return "1"
	}
	parts := make([]string, len(extents))
	for i, e := range extents {
		if parts[i] = strconv.Itoa(e); e == 0 {
			parts[i] = "?"
		}
	}
	return strings.Join(parts, "×")
}

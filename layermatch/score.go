package layermatch

import (
	"math"
	"slices"
)

// Terms explain a score. Each lies in [0,1]; 1 is best.
type Terms struct {
	Spatial float64 `json:"spatial"` // 1 for equal resolution, 1/r for the integer ratio r
	Depth   float64 `json:"depth"`   // 1 less half the distance in the network and half that in the stage
	// Kind adds shares of what two candidates have in common: kind, op, activation, being on every path.
	Kind     float64 `json:"kind"`
	Channels float64 `json:"channels"`      // 1 for equal numbers, less a quarter for each factor of 2
	CKA      float64 `json:"cka,omitempty"` // linear CKA of the activations, where they were given; not part of the score
}

// The weights of the terms in the score. Resolution and depth say most. Widths say least: they are what a student is
// free in.
const (
	spatialWeight  = 0.3
	depthWeight    = 0.4
	kindWeight     = 0.2
	channelsWeight = 0.1
)

// minScore is the score below which two values are left without a partner rather than paired.
const minScore = 0.6

// ckaWeight is what CKA adds in the assignment: enough to decide between values that all else is near equal for.
const ckaWeight = 0.05

// Score is the weighted sum of the terms, CKA aside.
func (t Terms) Score() float64 {
	return spatialWeight*t.Spatial + depthWeight*t.Depth + kindWeight*t.Kind + channelsWeight*t.Channels
}

// compare scores a teacher's value with a student's; ok is false where no pooling brings their positions together.
func compare(t, s Candidate) (terms Terms, ok bool) {
	ratio := spatialRatio(t.Spatial(), s.Spatial())
	if ratio == 0 {
		return Terms{}, false
	}
	terms.Spatial = math.Min(ratio, 1/ratio)
	distance := 0.75*math.Abs(t.Depth-s.Depth) + 0.25*math.Abs(t.MACs-s.MACs)
	terms.Depth = 1 - distance/2 - math.Abs(t.Within-s.Within)/2
	for _, c := range []struct {
		share float64
		same  bool
	}{
		{0.3, t.Kind == s.Kind},
		{0.1, t.Op == s.Op},
		{0.2, (t.PreActivation != "") == (s.PreActivation != "")},
		{0.4, t.Through == s.Through},
	} {
		if c.same {
			terms.Kind += c.share
		}
	}
	if a, b := t.Channels(), s.Channels(); a > 0 && b > 0 {
		terms.Channels = math.Max(0, 1-math.Abs(math.Log2(float64(a)/float64(b)))/4)
	}
	return terms, true
}

// spatialRatio is how many times larger t's extents are than s's, the largest of all axes; 0 where they are not integer
// multiples, all in one direction. Symbolic extents (0) match each other only.
func spatialRatio(t, s []int) float64 {
	if len(t) != len(s) {
		return 0
	}
	multiple := func(large, small []int) float64 {
		most := 1
		for i := range large {
			switch {
			case large[i] == small[i]:
			case small[i] == 0 || large[i]%small[i] != 0 || large[i] == 0:
				return 0
			default:
				most = max(most, large[i]/small[i])
			}
		}
		return float64(most)
	}
	if slices.Equal(t, s) {
		return 1
	}
	if m := multiple(t, s); m > 0 {
		return m
	}
	if m := multiple(s, t); m > 0 {
		return 1 / m
	}
	return 0
}

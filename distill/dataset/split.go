package dataset

import (
	"fmt"
	"math"
	"slices"
)

// subsetOf is the samples of ds at these positions, in this order.
func subsetOf(ds Dataset, index []int) Dataset { return &subset{ds, slices.Clone(index)} }

type subset struct {
	Dataset
	index []int
}

func (s *subset) Len() int { return len(s.index) }

func (s *subset) Sample(i int) (Sample, error) {
	if i < 0 || i >= len(s.index) {
		return Sample{}, fmt.Errorf("dataset: sample %d of %d", i, len(s.index))
	}
	return s.Dataset.Sample(s.index[i])
}

// Repeat is the samples of ds so many times over. In training each repetition is augmented in its own way.
func Repeat(ds Dataset, times int) Dataset { return &repeated{ds, times} }

type repeated struct {
	Dataset
	times int
}

func (r *repeated) Len() int { return r.times * r.Dataset.Len() }

func (r *repeated) Sample(i int) (Sample, error) {
	if i < 0 || i >= r.Len() {
		return Sample{}, fmt.Errorf("dataset: sample %d of %d", i, r.Len())
	}
	return r.Dataset.Sample(i % r.Dataset.Len())
}

// Split parts ds in two at random: held has fraction of the samples, rounded, and rest the others, both in the order
// of ds. Where ds has two samples or more, neither is left empty by rounding. The same seed gives the same parts.
func Split(ds Dataset, fraction float64, seed uint64) (rest, held Dataset, err error) {
	if !(fraction >= 0 && fraction <= 1) {
		return nil, nil, fmt.Errorf("dataset: a split of %g: want a fraction from 0 to 1", fraction)
	}
	n := ds.Len()
	k := int(math.Round(fraction * float64(n)))
	if n > 1 && fraction > 0 && fraction < 1 {
		k = min(max(k, 1), n-1)
	}
	order := stream(seed, splitStream, 0).Perm(n)
	slices.Sort(order[:k])
	slices.Sort(order[k:])
	return subsetOf(ds, order[k:]), subsetOf(ds, order[:k]), nil
}

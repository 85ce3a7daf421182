package models

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// toy is a reconstruction of a reader of n channels, with positions each, and its S and G.
func toy(seed uint64, channels, positions int) (*reconstruction, [][]float64, [][]float64) {
	random := rand.New(rand.NewPCG(seed, 1))
	n := channels * positions
	noise := func(rows int) [][]float64 {
		m := make([][]float64, rows)
		for i := range m {
			m[i] = make([]float64, n)
			for j := range m[i] {
				m[i][j] = random.NormFloat64()
			}
		}
		return m
	}
	outer := func(rows [][]float64) [][]float64 {
		m := square(n)
		for _, row := range rows {
			for i, a := range row {
				for j, b := range row {
					m[i][j] += a * b
				}
			}
		}
		return m
	}
	s, g := outer(noise(2*n)), outer(noise(3))
	c := &reconstruction{s: square(n), t: multiply(multiply(s, g), s)}
	for i := range s {
		copy(c.s[i], s[i])
		for j := range s {
			c.lost += s[i][j] * g[j][i]
		}
	}
	c.whole = c.lost
	for k := range channels {
		var at []int
		for p := range positions {
			at = append(at, p*channels+k)
		}
		c.at = append(c.at, at)
	}
	return c, s, g
}

// unexplained is trace((S_rr − S_rk·S_kk⁻¹·S_kr)·G_rr): what is lost where some positions are kept, by solving at once.
func unexplained(s, g [][]float64, kept []int) float64 {
	removed := complement(kept, len(s))
	matrix := make([][]float64, len(kept))
	for i, p := range kept {
		for _, q := range kept[:i+1] {
			matrix[i] = append(matrix[i], s[p][q])
		}
	}
	cholesky(matrix)
	lost := 0.0
	for _, r := range removed {
		b := make([]float64, len(kept))
		for i, p := range kept {
			b[i] = s[p][r]
		}
		solve(matrix, b)
		for _, q := range removed {
			rest := s[r][q]
			for i, p := range kept {
				rest -= b[i] * s[p][q]
			}
			lost += rest * g[q][r]
		}
	}
	return lost
}

// What channel after channel leaves unexplained is what solving for all of them at once does. Float64: 10⁻⁹ of it.
func TestTakenChannelsExplain(t *testing.T) {
	for _, positions := range []int{1, 3} {
		c, s, g := toy(3, 6, positions)
		var kept []int
		for _, channel := range []int{4, 0, 5} {
			c.take(channel)
			kept = append(kept, c.at[channel]...)
			slices.Sort(kept)
			if want := unexplained(s, g, kept); math.Abs(c.lost-want) > 1e-9*c.whole {
				t.Errorf("%d positions each, kept %v: %g is lost, want %g", positions, kept, c.lost, want)
			}
		}
	}
}

// Each channel in the order is the one that leaves the least, with those before it, over all readers.
func TestReconstructedTakesTheBest(t *testing.T) {
	const channels = 7
	one, s1, g1 := toy(5, channels, 1)
	two, s2, g2 := toy(6, channels, 1)
	whole1, whole2 := one.whole, two.whole
	lost := func(kept []int) float64 {
		kept = slices.Sorted(slices.Values(kept))
		return unexplained(s1, g1, kept)/whole1 + unexplained(s2, g2, kept)/whole2
	}
	r := reconstructed(channels, []*reconstruction{one, two})
	if len(r.order) != channels || len(r.worth) != channels || len(r.lost) != channels+1 || r.lost[channels] != 0 {
		t.Fatalf("%+v", r)
	}
	for k := 1; k < channels; k++ {
		got := lost(r.order[:k])
		if math.Abs(r.lost[k]-got) > 1e-9 {
			t.Errorf("%d kept: %g is lost, want %g", k, r.lost[k], got)
		}
		for _, other := range r.order[k:] {
			if d := lost(append(slices.Clone(r.order[:k-1]), other)); d < got-1e-9 {
				t.Errorf("%d kept: channel %d is taken, and %d leaves less: %g, %g", k, r.order[k-1], other, got, d)
			}
		}
	}
	if kept := r.kept(3); !slices.IsSorted(kept) || len(kept) != 3 || !slices.Contains(kept, r.order[0]) {
		t.Errorf("kept %v of %v", kept, r.order)
	}
}

func TestRankedByImportance(t *testing.T) {
	r := ranked([]float64{1, 3, 0, 2}, 2)
	if !slices.Equal(r.order, []int{1, 3, 0, 2}) || !slices.Equal(r.worth, []float64{3, 2, 1, 0}) {
		t.Errorf("%+v", r)
	}
	want := []float64{2, 2 * 5. / 14, 2 * 1. / 14, 0, 0} // of each of two readers
	for k, v := range want {
		if math.Abs(r.lost[k]-v) > 1e-12 {
			t.Errorf("lost %v, want %v", r.lost, want)
		}
	}
}

// On the way down each step is the one that loses the least for what it saves, counted anew; the cost is a product, as
// that of layers that read one another is.
func TestByReconstructionIsGreedy(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	var rankings []ranking
	var allowed [][]int
	for range 5 {
		values := make([]float64, 8)
		for i := range values {
			values[i] = random.Float64()
		}
		rankings = append(rankings, ranked(values, 1))
		allowed = append(allowed, []int{2, 4, 5, 8})
	}
	cost := func(w []int) float64 {
		sum := 0.0
		for i := range w[1:] {
			sum += float64(1e3 * w[i] * w[i+1])
		}
		return sum
	}
	at := byReconstruction(rankings, allowed, cost)
	steps := 3 * len(allowed)
	now := at(1)
	if !slices.Equal(now, []int{8, 8, 8, 8, 8}) || !slices.Equal(at(0), []int{2, 2, 2, 2, 2}) {
		t.Fatalf("from %v to %v", now, at(0))
	}
	for k := 1; k <= steps; k++ {
		next := at(1 - float64(k)/float64(steps))
		least, best := math.Inf(1), []int(nil)
		for i := range now {
			if j := slices.Index(allowed[i], now[i]); j > 0 {
				narrower := slices.Clone(now)
				narrower[i] = allowed[i][j-1]
				price := (rankings[i].lost[narrower[i]] - rankings[i].lost[now[i]]) / (cost(now) - cost(narrower))
				if price < least {
					least, best = price, narrower
				}
			}
		}
		if !slices.Equal(next, best) {
			t.Errorf("from %v to %v, want %v", now, next, best)
		}
		now = next
	}
}

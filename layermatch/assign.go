package layermatch

import "slices"

// scores holds what each pair of candidates would gain: [teacher][student].
type scores struct {
	t, s  []*chain
	terms [][]Terms
	gain  [][]float64 // 0 where the two are not to be paired
}

// newScores compares all candidates. Candidates of given pairs are taken, and nothing may cross them.
func newScores(t, s *network, given []Pair, similarity *Similarity, o Options) *scores {
	excluded := map[[2]*chain]bool{}
	for _, names := range o.Exclude {
		excluded[[2]*chain{t.chainOf[t.value(names.Teacher)], s.chainOf[s.value(names.Student)]}] = true
	}
	m := &scores{t: t.chains, s: s.chains}
	for i, a := range m.t {
		m.terms = append(m.terms, make([]Terms, len(m.s)))
		m.gain = append(m.gain, make([]float64, len(m.s)))
		for j, b := range m.s {
			terms, ok := compare(a.Candidate, b.Candidate)
			if !ok || excluded[[2]*chain{a, b}] {
				continue
			}
			gain := terms.Score() - minScore
			terms.CKA = similarity.between(a.Name, b.Name)
			gain += ckaWeight * terms.CKA
			m.terms[i][j], m.gain[i][j] = terms, max(0, gain)
		}
	}
	for _, p := range given {
		m.keepClear(t.place(p.Teacher.Name), s.place(p.Student.Name))
	}
	return m
}

// keepClear forbids pairs that share a candidate with the pair (i, j), or cross it.
func (m *scores) keepClear(i, j int) {
	if i == len(m.t) || j == len(m.s) {
		return
	}
	for a := range m.t {
		for b := range m.s {
			if !(a < i && b < j || a > i && b > j) {
				m.gain[a][b] = 0
			}
		}
	}
}

// assign finds the order-preserving pairs with the greatest sum of gains, by dynamic programming over prefixes of both
// orders:
//
//	best(i,j) = max(best(i−1,j), best(i,j−1), best(i−1,j−1) + gain(i,j))
func (m *scores) assign() []Pair {
	best := make([][]float64, len(m.t)+1)
	for i := range best {
		best[i] = make([]float64, len(m.s)+1)
	}
	paired := func(i, j int) bool { // at the ends of the prefixes of length i and j
		g := m.gain[i-1][j-1]
		return g > 0 && best[i-1][j-1]+g >= max(best[i-1][j], best[i][j-1])
	}
	for i := range m.t {
		for j := range m.s {
			best[i+1][j+1] = max(best[i][j+1], best[i+1][j])
			if paired(i+1, j+1) {
				best[i+1][j+1] = best[i][j] + m.gain[i][j]
			}
		}
	}
	var pairs []Pair
	for i, j := len(m.t), len(m.s); i > 0 && j > 0; {
		switch {
		case paired(i, j):
			i, j = i-1, j-1
			terms := m.terms[i][j]
			pairs = append(pairs, Pair{Teacher: m.t[i].Candidate, Student: m.s[j].Candidate, Score: terms.Score(), Terms: terms})
		case best[i-1][j] >= best[i][j-1]:
			i--
		default:
			j--
		}
	}
	slices.Reverse(pairs)
	return pairs
}

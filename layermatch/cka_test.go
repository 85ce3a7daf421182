package layermatch_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/layermatch"
)

// TestCKA compares the similarity of one pair with its definition, and with what it is known to be invariant to.
func TestCKA(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	matrix := func(rows, columns int) [][]float64 {
		m := make([][]float64, rows)
		for i := range m {
			m[i] = make([]float64, columns)
			for j := range m[i] {
				m[i][j] = random.NormFloat64()
			}
		}
		return m
	}
	x, y := matrix(8, 3), matrix(8, 5)
	rotated := multiply(x, [][]float64{{0, -2, 0}, {2, 0, 0}, {0, 0, 2}}) // turned, and twice as large
	for i := range rotated {
		rotated[i][1] += 7 // and moved
	}
	for _, test := range []struct {
		name string
		x, y [][]float64
		want float64
	}{
		{"itself", x, x, 1},
		{"turned, scaled and moved", x, rotated, 1},
		{"unrelated", x, y, definedCKA(x, y)},
		{"constant", x, [][]float64{{1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := build(t, perceptron(1), nil)
			student := build(t, perceptron(1), nil)
			a := align(t, g, student, layermatch.Options{Activations: func(of *graph.Graph,
				names []string) (map[string]*graph.Tensor, error) {
				m := test.x
				if of == student {
					m = test.y
				}
				return map[string]*graph.Tensor{names[0]: tensorOf(m)}, nil
			}})
			// Both are computed in float64 from numbers near 1.
			if got := a.Pairs[0].Terms.CKA; math.Abs(got-test.want) > 1e-12 {
				t.Errorf("got %g, want %g", got, test.want)
			}
		})
	}
}

// TestCKAIsUnbiased: features of few samples that have nothing to do with each other are not alike, though there are
// many of them.
func TestCKAIsUnbiased(t *testing.T) {
	g, student := build(t, perceptron(1), nil), build(t, perceptron(1), nil)
	mean := 0.0
	const runs = 40
	for seed := range uint64(runs) {
		random := rand.New(rand.NewPCG(seed, 9))
		m, err := layermatch.Similar(g, student, func(_ *graph.Graph, names []string) (map[string]*graph.Tensor, error) {
			v := graph.NewTensor(graph.Float64, 16, 300)
			for k := range v.Data.([]float64) {
				v.Data.([]float64)[k] = random.NormFloat64()
			}
			return map[string]*graph.Tensor{names[0]: v}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		mean += m.CKA[0][0] / runs
	}
	if math.Abs(mean) > 0.05 { // one estimate deviates by about 0.1 with 16 samples; the biased one would be about 0.95
		t.Errorf("the mean similarity of unrelated features is %.3f", mean)
	}
}

// TestCKADecides gives a student with one hidden layer fewer the activations of some of the teacher's layers: of layers
// that shape and depth tell apart by little, similarity decides.
func TestCKADecides(t *testing.T) {
	teacher, student := build(t, perceptron(8), nil), build(t, perceptron(7), nil)
	for left := 1; left < 7; left++ {
		run := func(g *graph.Graph, names []string) (map[string]*graph.Tensor, error) {
			values := map[string]*graph.Tensor{}
			for i, name := range names {
				if g == student && i >= left {
					i++
				}
				random := rand.New(rand.NewPCG(uint64(i), 0))
				values[name] = graph.NewTensor(graph.Float64, 64, 4)
				for k := range values[name].Data.([]float64) {
					values[name].Data.([]float64)[k] = random.NormFloat64()
				}
			}
			return values, nil
		}
		a := align(t, teacher, student, layermatch.Options{Activations: run})
		for i, p := range a.Pairs {
			want := i
			if i >= left {
				want++
			}
			if p.Teacher.Name != a.Teacher[want].Name {
				t.Errorf("without layer %d: layer %d of the student is paired with %s, want %s", left, i, p.Teacher.Name,
					a.Teacher[want].Name)
			}
		}
	}
}

func TestCKARefuses(t *testing.T) {
	g := build(t, perceptron(1), nil)
	broken := errors.New("broken")
	for name, run := range map[string]layermatch.Activations{
		"an error": func(*graph.Graph, []string) (map[string]*graph.Tensor, error) { return nil, broken },
		"nothing":  func(*graph.Graph, []string) (map[string]*graph.Tensor, error) { return nil, nil },
		"too few samples": func(_ *graph.Graph, names []string) (map[string]*graph.Tensor, error) {
			return map[string]*graph.Tensor{names[0]: graph.NewTensor(graph.Float64, 3, 4)}, nil
		},
	} {
		if _, err := layermatch.Align(g, g, layermatch.Options{Activations: run}); err == nil ||
			name == "an error" && !errors.Is(err, broken) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// definedCKA is HSIC(K,L)/√(HSIC(K,K)·HSIC(L,L)) with the unbiased estimate as Song et al. 2012 write it, K and L being
// without their diagonals:
//
//	HSIC(K,L) = 1/(n(n−3)) · (tr(K·L) + 1ᵀK1·1ᵀL1/((n−1)(n−2)) − 2/(n−2)·1ᵀK·L1)
func definedCKA(x, y [][]float64) float64 {
	n := float64(len(x))
	kernel := func(m [][]float64) [][]float64 {
		k := multiply(m, transposed(m))
		for i := range k {
			k[i][i] = 0
		}
		return k
	}
	sum := func(m [][]float64) float64 {
		all := 0.0
		for _, row := range m {
			for _, v := range row {
				all += v
			}
		}
		return all
	}
	hsic := func(k, l [][]float64) float64 {
		kl := multiply(k, l)
		trace := 0.0
		for i := range kl {
			trace += kl[i][i]
		}
		return (trace + sum(k)*sum(l)/((n-1)*(n-2)) - 2/(n-2)*sum(kl)) / (n * (n - 3))
	}
	k, l := kernel(x), kernel(y)
	return hsic(k, l) / math.Sqrt(hsic(k, k)*hsic(l, l))
}

func transposed(m [][]float64) [][]float64 {
	t := make([][]float64, len(m[0]))
	for j := range t {
		for i := range m {
			t[j] = append(t[j], m[i][j])
		}
	}
	return t
}

func multiply(a, b [][]float64) [][]float64 {
	p := make([][]float64, len(a))
	for i := range a {
		p[i] = make([]float64, len(b[0]))
		for j := range p[i] {
			for k := range b {
				p[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return p
}

func tensorOf(m [][]float64) *graph.Tensor {
	var data []float64
	for _, row := range m {
		data = append(data, row...)
	}
	return graph.FromFloat64([]int{len(m), len(m[0])}, data)
}

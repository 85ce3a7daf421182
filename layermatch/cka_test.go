package layermatch_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/layermatch"
)

// TestCKA compares the similarity of one pair with the feature-space form of its definition, and with what it is known to be invariant to.
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
		{"unrelated", x, y, featureCKA(x, y)},
		{"constant", x, [][]float64{{1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := build(t, perceptron(1), nil)
			student := build(t, perceptron(1), nil)
			a := align(t, g, student, layermatch.Options{Activations: func(of *graph.Graph, names []string) (map[string]*graph.Tensor, error) {
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

// TestCKADecides gives a student with one hidden layer fewer the activations of some of the teacher's layers: of layers that shape and
// depth tell apart by little, similarity decides.
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
				t.Errorf("without layer %d: layer %d of the student is paired with %s, want %s", left, i, p.Teacher.Name, a.Teacher[want].Name)
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
	} {
		if _, err := layermatch.Align(g, g, layermatch.Options{Activations: run}); err == nil || name == "an error" && !errors.Is(err, broken) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// featureCKA is ‖YᵀX‖²/(‖XᵀX‖·‖YᵀY‖) with features centred.
func featureCKA(x, y [][]float64) float64 {
	x, y = centred(x), centred(y)
	xy := norm(multiply(transposed(y), x))
	return xy * xy / (norm(multiply(transposed(x), x)) * norm(multiply(transposed(y), y)))
}

func centred(m [][]float64) [][]float64 {
	c := transposed(m)
	for _, feature := range c {
		mean := 0.0
		for _, v := range feature {
			mean += v / float64(len(feature))
		}
		for i := range feature {
			feature[i] -= mean
		}
	}
	return transposed(c)
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

func norm(m [][]float64) float64 {
	sum := 0.0
	for _, row := range m {
		for _, v := range row {
			sum += v * v
		}
	}
	return math.Sqrt(sum)
}

func tensorOf(m [][]float64) *graph.Tensor {
	var data []float64
	for _, row := range m {
		data = append(data, row...)
	}
	return graph.FromFloat64([]int{len(m), len(m[0])}, data)
}

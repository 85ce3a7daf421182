package distill

import (
	"math"
	"testing"

	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/graph"
)

// byHand is an optimiser for a matrix and a vector of one element each, in plain numbers: what a step does with
// gradients.
type byHand struct {
	o       Optimiser
	p, m, v [2]float64
	t       int
	rate    float64
}

func (h *byHand) step(g [2]float64) {
	if h.o.ClipNorm > 0 {
		by := min(1, h.o.ClipNorm/math.Hypot(g[0], g[1]))
		g[0], g[1] = g[0]*by, g[1]*by
	}
	h.t++
	for i := range g {
		decay := h.o.WeightDecay * h.p[i]
		if i == 1 {
			decay = 0 // it is a bias
		}
		if h.o.Name == "sgd" {
			g[i] += decay
			h.m[i] = h.o.Momentum*h.m[i] + g[i]
			h.p[i] -= h.rate * (g[i] + h.o.Momentum*h.m[i])
			continue
		}
		h.m[i] = h.o.Momentum*h.m[i] + (1-h.o.Momentum)*g[i]
		h.v[i] = 0.999*h.v[i] + 0.001*g[i]*g[i]
		m, v := h.m[i]/(1-math.Pow(h.o.Momentum, float64(h.t))), h.v[i]/(1-math.Pow(0.999, float64(h.t)))
		h.p[i] -= h.rate * (m/(math.Sqrt(v)+1e-8) + decay)
	}
}

// compileReference finishes a step, and compiles it for the reference engine.
func (a *assembly) compileReference(t *testing.T) *compiled {
	t.Helper()
	step, err := a.finish()
	if err != nil {
		t.Fatal(err)
	}
	p, err := backend{engine: enginetest.Reference{}}.compile(t.Context(), step)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Updates follow the papers, step by step; in float32, with a few roundings a step.
func TestUpdates(t *testing.T) {
	const tolerance = 1e-5
	for _, o := range []Optimiser{
		{Name: "sgd"},
		{Name: "sgd", Momentum: 0.9, WeightDecay: 0.1},
		{Name: "sgd", Momentum: 0.9, WeightDecay: 0.1, ClipNorm: 2},
		{Name: "adamw", Momentum: 0.9},
		{Name: "adamw", Momentum: 0.8, WeightDecay: 0.1, ClipNorm: 2},
	} {
		a := newAssembly("update")
		var params, grads []*graph.Value
		var set []func(*graph.Value)
		for _, dims := range [][]int{{1, 1}, {1}} {
			name := []string{"bias", "matrix"}[len(dims)-1]
			v, next := a.carry(name, graph.FromFloat32(dims, []float32{1}))
			params, set = append(params, v), append(set, next)
			grads = append(grads, a.feed("gradient of "+name, graph.Float32, graph.Dims(dims...)))
		}
		rate := a.feed(learningRateInput, graph.Float32, graph.Dims(1))
		for i, v := range o.update(a.Emitter, params, grads, rate, a.carry) {
			set[i](v)
		}
		p := a.compileReference(t)
		hand := byHand{o: o, p: [2]float64{1, 1}, rate: 0.1}
		for _, g := range [][2]float64{{1, -2}, {0.5, 3}, {-0.25, 0.5}} {
			if _, err := p.run(t.Context(), map[string]*graph.Tensor{
				"gradient of matrix": graph.FromFloat32([]int{1, 1}, []float32{float32(g[0])}),
				"gradient of bias":   graph.FromFloat32([]int{1}, []float32{float32(g[1])}),
				learningRateInput:    graph.FromFloat32([]int{1}, []float32{0.1}),
			}); err != nil {
				t.Fatal(err)
			}
			hand.step(g)
			state, err := p.State("matrix", "bias")
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range []string{"matrix", "bias"} {
				if got := state[name].Values()[0]; math.Abs(got-hand.p[i]) > tolerance {
					t.Errorf("%+v: %s is %g after step %d, by hand %g", o, name, got, hand.t, hand.p[i])
				}
			}
		}
	}
}

// The rate rises to its peak in even steps, and falls along half a cosine.
func TestSchedule(t *testing.T) {
	s := Schedule{Peak: 2, Warmup: 0.1, Final: 0.25}
	for _, c := range []struct {
		step int
		want float64
	}{
		{0, 2. / 11}, {9, 20. / 11}, {10, 2}, {55, 2 * (0.25 + 0.75/2)}, {100, 0.5}, {200, 0.5},
	} {
		if got := s.At(c.step, 100); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("the rate of step %d is %g, want %g", c.step, got, c.want)
		}
	}
}

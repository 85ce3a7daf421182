package models_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/models"
)

// clock makes latencies up: some time for every run and some for every MAC, and a deviation of a few percent.
type clock struct {
	start, mac time.Duration // mac of 1000 MACs
	noise      float64
	measured   int
}

func (c *clock) latencies(t *testing.T) models.Latencies {
	random := rand.New(rand.NewPCG(5, 6))
	return func(all ...*graph.Graph) ([]time.Duration, error) {
		c.measured++
		var times []time.Duration
		for _, g := range all {
			a, err := pass.Analyse(g, batchOfOne)
			if err != nil {
				t.Fatal(err)
			}
			exact := float64(c.start) + float64(c.mac)*float64(pass.CostOf(a).MACs)/1000
			times = append(times, time.Duration(exact*(1+c.noise*(2*random.Float64()-1))))
		}
		return times, nil
	}
}

func TestLatencyBudget(t *testing.T) {
	g := teacher()
	for _, c := range []struct {
		name, budget string
		clock        clock
	}{
		{"proportional to MACs", "latency=0.6x", clock{0, time.Microsecond, 0, 0}},
		{"half of it is for every run", "latency=0.7x", clock{600 * time.Microsecond, time.Microsecond, 0, 0}},
		{"noisy", "latency=0.5x", clock{100 * time.Microsecond, time.Microsecond, 0.01, 0}},
		{"absolute", "latency=400us", clock{100 * time.Microsecond, time.Microsecond, 0, 0}},
		{"beside parameters", "latency=0.6x,params=0.9x", clock{0, time.Microsecond, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := generate(t, g, c.budget, models.Options{Latency: c.clock.latencies(t)})
			limit := budget(t, c.budget)[0]
			used := float64(s.After.Latency) / limit.Value
			if limit.Ratio {
				used /= float64(s.Before.Latency)
			}
			if used > 1 || used < 0.85 {
				t.Errorf("%.3f of the limit is used: %s", used, s.Reached())
			}
			if c.clock.measured > 10 {
				t.Errorf("%d students were measured", c.clock.measured)
			}
			if s.Found.MACs == 0 || s.After.MACs > s.Found.MACs {
				t.Errorf("the student has %d MACs, the search ended at %d", s.After.MACs, s.Found.MACs)
			}
			again := generate(t, g, c.budget, models.Options{Found: &s.Found})
			if again.After.MACs != s.After.MACs || again.Found != s.Found {
				t.Errorf("with the cap that was found there are %d MACs, and %d were", again.After.MACs, s.After.MACs)
			}
			if _, met := s.Check(s.After.MACs, s.After.Params, s.After.Bytes, s.Before.Latency, s.After.Latency); !met {
				t.Error("the budget is not met")
			}
			if reached, met := s.Check(s.After.MACs, s.After.Params, s.After.Bytes, s.Before.Latency,
				2*s.Before.Latency); met || !strings.Contains(reached, "2.000x") && limit.Ratio {
				t.Errorf("twice the teacher's latency meets it: %s", reached)
			}
		})
	}
}

func TestLatencyOutOfReach(t *testing.T) {
	slow := clock{time.Millisecond, time.Nanosecond, 0, 0} // MACs hardly matter
	o := models.Options{Binding: batchOfOne, Latency: slow.latencies(t)}
	if _, err := models.Generate(teacher(), budget(t, "latency=0.5x"), o); !errors.Is(err, models.ErrInfeasible) ||
		!strings.Contains(err.Error(), "the fastest that was measured") {
		t.Errorf("got %v", err)
	}
	if _, err := models.Generate(teacher(), budget(t, "latency=0.5x"), models.Options{Binding: batchOfOne}); err == nil ||
		!strings.Contains(err.Error(), "ONNX Runtime") {
		t.Errorf("without anything to measure with: %v", err)
	}
	broken := errors.New("broken")
	o.Latency = func(...*graph.Graph) ([]time.Duration, error) { return nil, broken }
	if _, err := models.Generate(teacher(), budget(t, "latency=0.5x"), o); !errors.Is(err, broken) {
		t.Errorf("where measuring fails: %v", err)
	}
}

// TestLatencyOfLayers: where every layer takes its time however narrow it is, blocks go, unless it is asked otherwise.
func TestLatencyOfLayers(t *testing.T) {
	gains := []float64{1, 0.01, 0.5, 0.001}
	g := deep(gains...)
	measured := 0
	o := models.Options{Activations: onData(t, g), Divergence: apart(gains...),
		Latency: func(all ...*graph.Graph) ([]time.Duration, error) {
			measured++
			var times []time.Duration
			for _, g := range all {
				a, err := pass.Analyse(g, batchOfOne)
				if err != nil {
					return nil, err
				}
				layers := 0
				for _, n := range g.Nodes {
					if n.Op == "Conv" {
						layers++
					}
				}
				times = append(times, time.Duration(layers)*100*time.Microsecond+time.Duration(pass.CostOf(a).MACs)/100)
			}
			return times, nil
		}}
	s := generate(t, g, "latency=0.6x", o)
	if len(s.Removed) != 2 || s.Removed[0].Node != "block3" || s.Removed[1].Node != "block1" ||
		float64(s.After.Latency) > 0.6*float64(s.Before.Latency) {
		t.Errorf("left out: %+v; reached %s", s.Removed, s.Reached())
	}
	o.Found, measured = &s.Found, 0
	if again := generate(t, g, "latency=0.6x", o); measured > 0 || again.After.MACs != s.After.MACs ||
		len(again.Removed) != 2 {
		t.Errorf("with what was found, %d were measured, %d MACs instead of %d", measured, again.After.MACs, s.After.MACs)
	}
	o.Found, o.Shrink = nil, models.Width
	o.Binding = batchOfOne
	if _, err := models.Generate(g, budget(t, "latency=0.6x"), o); !errors.Is(err, models.ErrInfeasible) {
		t.Errorf("by channels alone: %v", err)
	}
}

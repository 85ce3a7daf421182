package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/shared"
)

// The student of a net whose batch norm is folded is given batch norm for training; others are not, nor are those from
// random weights.
func TestTraining(t *testing.T) {
	for _, c := range []struct {
		name, teacher string
		random, own   bool
		unfolded      bool
	}{
		{"folded", "small_folded", false, false, true},
		{"with batch norm", "small", false, false, false},
		{"folded, from random weights", "small_folded", true, false, false},
		{"folded, a student of its own", "small", false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := digits(t, "macs=0.5x")
			j.Teacher.Path = shared.Testdata(t, "digits/"+c.teacher+".onnx")
			j.Choice.Random = c.random
			if c.own {
				j.Student = Source{Path: shared.Testdata(t, "digits/small_folded.onnx")}
			}
			d := decide(t, j)
			was := len(d.Student.Graph.Nodes)
			job, unfolded, err := PrepareTraining(context.Background(), j, d)
			if err != nil {
				t.Fatal(err)
			}
			chosen := d.Student.Graph
			if unfolded != c.unfolded || (job.Student != chosen) != c.unfolded || len(chosen.Nodes) != was {
				t.Errorf("unfolded: %v; the student that was chosen has %d nodes, and had %d", unfolded, len(chosen.Nodes), was)
			}
			if c.unfolded && countNorms(job.Student) == 0 {
				t.Error("there is no batch norm")
			}
			if job.Options.Random != c.random || len(job.Pairs) == 0 || job.Memory <= 0 {
				t.Errorf("random %v, %d pairs, memory %d", job.Options.Random, len(job.Pairs), job.Memory)
			}
		})
	}
}

func countNorms(g *graph.Graph) (n int) {
	for _, node := range g.Nodes {
		if s := op.Of(node); s != nil && s.Role == op.Normalisation {
			n++
		}
	}
	return n
}

// Memory is not bounded by the processor's where steps run elsewhere.
func TestTrainingMemory(t *testing.T) {
	j, d := decided(t)
	for device, bounded := range map[string]bool{"": true, "cpu": true, "cuda:1": false} {
		j.Host.Options.Device = device
		job, _, err := PrepareTraining(context.Background(), j, d)
		if err != nil || (job.Memory > 0) != bounded {
			t.Errorf("on %q: %d bytes, %v", device, job.Memory, err)
		}
	}
	j.Host.Memory = 1000
	j.Force = false
	if _, err := Train(context.Background(), j, d); !errors.Is(err, distill.ErrMemory) {
		t.Errorf("with 1,000 bytes: %v", err)
	}
}

// Training moves a copy: the student that was chosen keeps its weights.
func TestTrain(t *testing.T) {
	j, d := decided(t)
	before := weights(d.Student.Graph)
	r, err := Train(context.Background(), j, d)
	if err != nil {
		t.Fatal(err)
	}
	if r.Steps != 1 || r.Engine != j.Host.Engine.Version() || r.Unfolded || r.Student == d.Student.Graph {
		t.Errorf("%d steps on %s", r.Steps, r.Engine)
	}
	for name, v := range weights(d.Student.Graph) {
		if before[name] != v {
			t.Errorf("%s of the student that was chosen has moved", name)
		}
	}
}

// weights sums up each initializer.
func weights(g *graph.Graph) map[string]float64 {
	sums := map[string]float64{}
	for _, v := range g.Initializers {
		for _, x := range v.Const.Values() {
			sums[v.Name] += x
		}
	}
	return sums
}

func TestKept(t *testing.T) {
	m := pass.Moments{Mean: []float64{1, 2, 3}, Variance: []float64{4, 5, 6}}
	k := kept(m, []int{2, 0})
	if k.Mean[0] != 3 || k.Mean[1] != 1 || k.Variance[0] != 6 || k.Variance[1] != 4 || len(kept(m, nil).Mean) != 3 {
		t.Errorf("%+v", k)
	}
}

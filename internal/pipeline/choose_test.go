package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/shared"
	"github.com/ildc/ildc/models"
)

// A generated student meets the budget with its own count, has the teacher's weights, and leaves the teacher as it was.
func TestChoose(t *testing.T) {
	j := digits(t, "macs=0.5x")
	var phases []string
	j.Host.Progress = func(p distill.Progress) { phases = append(phases, p.Phase) }
	d := decide(t, j)
	s := d.Student
	if 2*s.Cost.MACs > d.Teacher.side.MACs || s.Cost.MACs == 0 || s.Generated == nil || s.Of != d.Teacher {
		t.Errorf("MACs %d of %d", s.Cost.MACs, d.Teacher.side.MACs)
	}
	if s.Budget.Asked != "macs=0.5x" || !s.Budget.Met || s.Budget.Reached == "" {
		t.Errorf("budget %+v", s.Budget)
	}
	again, err := d.Teacher.Analyse(one)
	if err != nil || again.side != d.Teacher.side {
		t.Errorf("the teacher has changed: %+v, %v", again.side, err)
	}
	j.Choice.Shrink = models.Depth
	j.Choice.Asked, j.Choice.Budget = "macs=0.95x", models.Budget{{Measure: models.MACs, Value: 0.95, Ratio: true}}
	if d := decide(t, j); len(d.Student.Generated.Removed) == 0 || len(phases) == 0 || phases[0] != "choosing" {
		t.Errorf("removed %v, phases %v", d.Student.Generated.Removed, phases)
	}
}

func TestChooseOwn(t *testing.T) {
	j := digits(t, "macs=0.5x")
	j.Choice = Choice{Asked: "the student given"}
	j.Student = Source{Path: shared.Testdata(t, "digits/small_folded.onnx")}
	d := decide(t, j)
	if d.Student.Generated != nil || d.Student.Of.Name != j.Student.Path || d.Student.Budget.Asked != "the student given" {
		t.Errorf("student %+v", d.Student)
	}
	if len(d.Alignment.Pairs) == 0 || d.Alignment.Pairs[0].Kept != nil {
		t.Errorf("pairs %+v of a student whose lineage is not known", d.Alignment.Pairs)
	}
}

// What cannot shrink behind an unknown op is a model that is declined, and not an error of the budget.
func TestChooseDeclines(t *testing.T) {
	j := digits(t, "macs=0.01x")
	if _, err := Decide(context.Background(), j, false); !errors.Is(err, models.ErrInfeasible) {
		t.Errorf("a budget out of reach: %v", err)
	}
	j.Teacher = withTail(t)
	d, err := Decide(context.Background(), j, false)
	if d.Teacher == nil || len(d.Teacher.Frozen) != 1 || errors.Is(err, ErrDeclined) {
		t.Errorf("a budget out of reach in front of an unknown op: %v", err)
	}
}

func TestSamplesWithin(t *testing.T) {
	g := graph.New("one sample")
	v := &graph.Value{Name: "map", DType: graph.Float32, Shape: graph.Dims(1, 10, 10)} // 400 bytes
	g.Inputs = []*graph.Value{v}
	for _, c := range []struct {
		bytes int64
		names []string
		want  int
	}{
		{4010, []string{"map"}, 10}, {4010, []string{"map", "map"}, 5}, {10, []string{"map"}, 1},
		{1 << 40, []string{"map"}, calibrationSamples}, {1000, []string{"none"}, calibrationSamples},
	} {
		if got := samplesWithin(c.bytes, g, c.names); got != c.want {
			t.Errorf("%q in %d bytes: %d samples, want %d", c.names, c.bytes, got, c.want)
		}
	}
}

// stopwatch says that the teacher takes 10 ms, and others as much less as they are smaller.
type stopwatch struct{ largest int }

func (*stopwatch) Version() string { return "stopwatch" }

func (*stopwatch) RunModel(context.Context, []byte, map[string]*graph.Tensor,
	...string) (map[string]*graph.Tensor, error) {
	return nil, errors.New("a stopwatch runs nothing")
}

func (s *stopwatch) TimeModels(_ context.Context, models [][]byte, in []map[string]*graph.Tensor, outputs [][]string,
	_ engine.Options) (times []time.Duration, err error) {
	for i, m := range models {
		if in[i]["input"].Len() != 64 || len(outputs[i]) != 1 {
			return nil, errors.New("want one sample, and one output")
		}
		s.largest = max(s.largest, len(m))
		times = append(times, time.Duration(len(m))*10*time.Millisecond/time.Duration(s.largest))
	}
	return times, nil
}

// A budget of latency is searched by what the host measures, and checked by it.
func TestLatencyBudget(t *testing.T) {
	j := digits(t, "latency=0.7x")
	j.Host.Verifier = &stopwatch{}
	j.Choice.Shrink = models.Width
	d := decide(t, j)
	f := exported(t, j, d)
	c, err := Check(context.Background(), j, d, f, &Measured{})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Budget.Met || c.Student <= 0 || c.Student > c.Teacher*7/10 {
		t.Errorf("%v, %v of the teacher; budget %+v", c.Student, c.Teacher, c.Budget)
	}
	j.Host.Verifier = nil
	if _, err := Decide(context.Background(), j, true); err == nil {
		t.Error("a latency is accepted where nothing measures it")
	}
}

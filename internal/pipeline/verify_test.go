package pipeline

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
)

// reference runs models by the reference interpreter, and then spoils their outputs.
type reference struct {
	spoil func(*graph.Tensor)
	err   error
}

func (reference) Version() string { return "reference" }

func (r reference) RunModel(ctx context.Context, model []byte, in map[string]*graph.Tensor,
	_ ...string) (map[string]*graph.Tensor, error) {
	if r.err != nil {
		return nil, r.err
	}
	g, err := importer.Import(model, importer.Options{})
	if err != nil {
		return nil, err
	}
	out, err := pass.Eval(g, in)
	for _, t := range out {
		if r.spoil != nil {
			r.spoil(t)
		}
	}
	return out, err
}

func TestVerify(t *testing.T) {
	j, d := decided(t)
	f := exported(t, j, d)
	spoilt := func(by func(x *float32)) reference {
		return reference{spoil: func(t *graph.Tensor) { by(&t.Float32s()[1]) }}
	}
	for _, c := range []struct {
		name        string
		runner      engine.ModelRunner
		engine      string // part of its version
		independent bool
		warns, err  bool
	}{
		{"by the embedded engine", nil, "embedded", false, false, false},
		{"by another", reference{}, "reference", true, false, false},
		{"which gives a little else", spoilt(func(x *float32) { *x *= 1.0001 }), "reference", true, false, false},
		{"which gives something else", spoilt(func(x *float32) { *x++ }), "", false, false, true},
		{"which gives no number", spoilt(func(x *float32) { *x = float32(math.NaN()) }), "", false, false, true},
		{"which cannot run it", reference{err: errors.New("no such op")}, "embedded", false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := j.Host
			h.Verifier = c.runner
			v, err := Verify(context.Background(), h, d.Data, d.Student.Graph, f)
			if c.err {
				if !errors.Is(err, ErrVerification) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(v.Engine, c.engine) || v.Independent != c.independent || (v.Warning != "") != c.warns ||
				v.Samples != verifySamples {
				t.Errorf("%+v", v)
			}
		})
	}
	// A file that was not made of what was trained is found out, whoever runs it.
	other := decide(t, digits(t, "macs=0.7x"))
	if _, err := Verify(context.Background(), j.Host, d.Data, other.Student.Graph, f); !errors.Is(err, ErrVerification) {
		t.Errorf("another student's file: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Verify(ctx, j.Host, d.Data, d.Student.Graph, f); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRelativeError(t *testing.T) {
	f := func(v ...float32) *graph.Tensor { return graph.FromFloat32([]int{len(v)}, v) }
	n := func(v ...int64) *graph.Tensor { return graph.FromInt64([]int{len(v)}, v) }
	for _, c := range []struct {
		name      string
		got, want *graph.Tensor
		error     float64
	}{
		{"the same", f(1, -4), f(1, -4), 0},
		{"by the largest", f(1, -3), f(1, -4), 0.25},
		{"tiny ones count as the floor", f(0), f(1e-6), 1e-3},
		{"no number", f(float32(math.NaN())), f(1), math.MaxFloat64},
		{"missing", nil, f(1), math.MaxFloat64},
		{"of another length", f(1, 2), f(1), math.MaxFloat64},
		{"integers, one of four", n(1, 2, 3, 4), n(1, 2, 3, 5), 0.25},
	} {
		if got := relativeError(c.got, c.want); math.Abs(got-c.error) > 1e-6*c.error { // float32 has 24 bits
			t.Errorf("%s: %g, want %g", c.name, got, c.error)
		}
	}
}

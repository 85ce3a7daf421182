package ildc_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/shared"
)

// reference runs models by the reference interpreter, and then spoils their outputs.
type reference struct {
	spoil func(*graph.Tensor)
	err   error
}

func (r reference) Version() string { return "reference" }

func (r reference) RunModel(
	_ context.Context, model []byte, in map[string]*graph.Tensor, _ ...string,
) (map[string]*graph.Tensor, error) {
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

func TestVerification(t *testing.T) {
	shared.Long(t)
	nan := float32(0)
	nan /= nan
	for _, c := range []struct {
		name        string
		runner      ildc.ModelRunner
		engine      string // part of its version
		independent bool
		warns, err  bool
	}{
		{"by the embedded engine", nil, "embedded", false, false, false},
		{"by another", reference{}, "reference", true, false, false},
		{"which gives something else", reference{spoil: func(t *graph.Tensor) { t.Float32s()[1]++ }}, "", false, false, true},
		{"which gives no number", reference{spoil: func(t *graph.Tensor) { t.Float32s()[1] = nan }}, "", false, false, true},
		{"which cannot run it", reference{err: errors.New("no such op")}, "embedded", false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The folded teacher's student is trained with batch norm, which is folded again before it is exported.
			r, err := ildc.Compress(context.Background(), ildc.Options{Teacher: ildc.File(smallFolded), Data: digitsData(),
				Train: distill.Options{Steps: 2}, Verifier: c.runner})
			if c.err {
				if !errors.Is(err, ildc.ErrVerification) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			// Folding changes the order of float32 operations, and little more.
			v := r.Verified
			if !strings.Contains(v.Engine, c.engine) || v.Independent != c.independent ||
				v.MaxRelativeError > 1e-5 || v.Samples != 16 {
				t.Errorf("%+v", v)
			}
			if warned := strings.Contains(strings.Join(r.Warnings, "\n"), "no such op"); warned != c.warns {
				t.Errorf("warnings %q", r.Warnings)
			}
			s := r.Summary()
			if !strings.Contains(s, "gives the trained student's outputs") ||
				strings.Contains(s, "with ONNX Runtime it is run there, too") == c.independent {
				t.Errorf("summary: %s", s)
			}
		})
	}
}

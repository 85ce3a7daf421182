package enginetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/shared"
)

// The reference passes the suite.
func TestReference(t *testing.T) {
	Run(t, func() engine.Engine { return Reference{} })
}

// A fault fails the check that is about it, which says so.
func TestFaultsAreFound(t *testing.T) {
	shared.Long(t)
	flips, all := 0, checks()
	for _, c := range []struct {
		fault string
		e     engine.Engine
		check string
		says  string
	}{
		{"an op that is off by a thousandth", faulty{plant: where("Tanh", 1, spoil(scaled(1.001)))},
			"ops/Tanh", "output 0: element"},
		{"an op that gives no number", faulty{plant: where("Exp", 1, spoil(scaled(float32(math.NaN()))))},
			"ops/Exp edges", "is NaN"},
		{"an op of another shape", faulty{plant: where("Transpose", 1, spoil(func(out values) {
			for name, x := range out {
				out[name] = x.Reshaped(x.Len())
			}
		}))}, "ops/Transpose of a matrix", "want"},
		{"an op of another dtype", faulty{plant: where("Not", 1, spoil(func(out values) {
			for name, x := range out {
				out[name] = graph.FromValues(graph.Uint8, x.Dims, x.Values())
			}
		}))}, "ops/Not", "want"},
		{"an op without a result", faulty{plant: where("Split", 1, spoil(func(out values) { clear(out) }))},
			"ops/Split", "is <nil>"},
		{"a native macro op that is wrong", faulty{plant: where("ildc.BatchNormTrain", 1, spoil(scaled(1.01)))},
			"ops/BatchNormTrain [16 5]", "native output"},
		{"a lowered macro op that is wrong", faulty{plant: where("Sqrt", 1, spoil(scaled(1.01)))},
			"ops/BatchNormTrain [16 5]", "lowered output"},
		{"an op that is wrong between convolutions", faulty{plant: where("Conv", 2, spoil(scaled(1.01)))},
			"chains/Relu of a sum", "element"},
		{"state that is not carried", faulty{plant: always(func(p *broken) {
			p.run = func(ctx context.Context, in values) (values, error) {
				before, err := p.reference.State()
				out, err1 := p.reference.Run(ctx, in)
				return out, errors.Join(err, err1, p.reference.SetState(before))
			}
		})}, "training step/batch 6, 4 channels", "loss"},
		{"state that is among the results", faulty{plant: always(func(p *broken) {
			p.run = func(ctx context.Context, in values) (values, error) {
				out, err := p.reference.Run(ctx, in)
				maps.Copy(out, p.state)
				return out, err
			}
		})}, "training step/batch 6, 4 channels", "want the loss alone"},
		{"a running variance that is off", faulty{plant: always(spoilState(func(state values) {
			if v := state["bn1.var"]; v != nil {
				v.Float32s()[0] *= 1.001
			}
		}))}, "training step/batch 6, 4 channels", "bn1.var"},
		{"part of the state that is hidden", faulty{plant: always(func(p *broken) {
			p.read = func(names ...string) (values, error) {
				state, err := p.reference.State(names...)
				delete(state, "fc")
				return state, err
			}
		})}, "training step/batch 6, 4 channels", "tensors of state"},
		{"a SetState without effect", faulty{plant: always(func(p *broken) {
			p.setState = func(values) error { return nil }
		})}, "state", "continued from a copy"},
		{"a SetState that is half done when it refuses", faulty{plant: always(func(p *broken) {
			p.setState = func(part values) error {
				if fc := part["fc"]; fc != nil {
					p.state["fc"] = fc.Clone()
				}
				return p.reference.SetState(part)
			}
		})}, "state", "state after a refused SetState"},
		{"a SetState that refuses without a name", faulty{plant: always(func(p *broken) {
			p.setState = func(part values) error { return hidden(p.reference.SetState(part)) }
		})}, "state", "bad state"},
		{"a State that gives all", faulty{plant: always(func(p *broken) {
			p.read = func(...string) (values, error) { return p.reference.State() }
		})}, "state", "part of the state"},
		{"a State that knows every name", faulty{plant: always(func(p *broken) {
			p.read = func(names ...string) (values, error) {
				known := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return p.state[n] == nil })
				return p.reference.State(known...)
			}
		})}, "state", "unknown state"},
		{"state that is exchanged in order", faulty{plant: always(spoilState(func(state values) {
			if state["v"] != nil {
				state["v"] = state["u"]
			}
		}))}, "swapped state", "run"},
		{"state that is dropped where nothing carries it", faulty{plant: always(spoilState(func(state values) {
			if w := state["w"]; w != nil {
				clear(w.Float32s())
			}
		}))}, "swapped state", "run 1"},
		{"inputs that may be missing", faulty{plant: always(func(p *broken) {
			p.run = func(ctx context.Context, in values) (values, error) {
				if in["x"] == nil {
					return values{}, nil
				}
				return p.reference.Run(ctx, in)
			}
		})}, "inputs", "missing"},
		{"inputs that are refused without a name", faulty{plant: always(func(p *broken) {
			p.run = func(ctx context.Context, in values) (values, error) {
				out, err := p.reference.Run(ctx, in)
				return out, hidden(err)
			}
		})}, "inputs", "shape: error"},
		{"a failed run that changes the state", faulty{plant: always(func(p *broken) {
			p.run = func(ctx context.Context, in values) (values, error) {
				out, err := p.reference.Run(ctx, in)
				if fc := p.state["fc"]; err != nil && fc != nil {
					fc.Float32s()[0]++
				}
				return out, err
			}
		})}, "inputs", "state after refused input"},
		{"inputs that are kept", faulty{plant: always(func(p *broken) {
			var first values
			p.run = func(ctx context.Context, in values) (values, error) {
				if first == nil {
					first = maps.Clone(in)
				}
				return p.reference.Run(ctx, first)
			}
		})}, "tensors are the caller's", "results"},
		{"state that is handed out itself", faulty{plant: always(func(p *broken) {
			p.read = func(...string) (values, error) { return maps.Clone(p.state), nil }
		})}, "tensors are the caller's", "results"},
		{"state that is kept as it was given", faulty{plant: always(func(p *broken) {
			p.setState = func(part values) error { maps.Copy(p.state, part); return nil }
		})}, "tensors are the caller's", "state"},
		{"inputs that are written to", faulty{plant: always(func(p *broken) {
			p.run = func(ctx context.Context, in values) (values, error) {
				out, err := p.reference.Run(ctx, in)
				for i, v := range in["x"].Float32s() {
					in["x"].Float32s()[i] = max(v, 0)
				}
				return out, err
			}
		})}, "memory is not shared too early", "element"},
		{"a context that is not looked at", faulty{plant: always(func(p *broken) {
			p.run = func(_ context.Context, in values) (values, error) {
				return p.reference.Run(context.Background(), in)
			}
		})}, "cancel", "a context that was over"},
		{"a context that is looked at before a run only", faulty{plant: always(func(p *broken) {
			p.run = func(ctx context.Context, in values) (values, error) {
				if err := ctx.Err(); errors.Is(err, context.Canceled) {
					return nil, err
				}
				return p.reference.Run(context.Background(), in)
			}
		})}, "cancel", "no run of"},
		{"a cancelled run that moves the state on", faulty{plant: always(func(p *broken) {
			p.run = func(ctx context.Context, in values) (values, error) {
				out, err := p.reference.Run(context.Background(), in)
				return out, errors.Join(err, ctx.Err())
			}
		})}, "cancel", "state after a run that never began"},
		{"a run that fails when it is cancelled", faulty{plant: always(func(p *broken) {
			p.run = func(ctx context.Context, in values) (values, error) {
				out, err := p.reference.Run(ctx, in)
				if errors.Is(err, context.DeadlineExceeded) {
					err = hidden(err)
				}
				return out, err
			}
		})}, "cancel", "hidden"},
		{"a last bit by chance", faulty{plant: always(spoil(func(out values) {
			if flips++; flips%2 == 0 {
				loss := out["loss"].Float32s()
				loss[0] = math.Nextafter32(loss[0], 0)
			}
		}))}, "deterministic", `"loss" differs`},
		{"a result that depends on threads", faulty{plant: func(p *broken, _ *engine.Step, o engine.Options) {
			if o.Threads == 3 {
				p.spoilResults(scaled(1.001))
			}
		}}, "threads", "loss"},
		{"programs with one state", oneProgram{mu: new(sync.Mutex), only: new(engine.Program)},
			"concurrent programs", "results of a program beside others"},
		{"an error that is no ErrUnsupported", refusing{change: hidden}, "unsupported", "want engine.ErrUnsupported"},
		{"an error that names one node of two", refusing{change: func(err error) error {
			first, _, _ := strings.Cut(err.Error(), "\n")
			return fmt.Errorf("%w: %s", engine.ErrUnsupported, first)
		}}, "unsupported", `does not name "second"`},
		{"an error where there is none", refusing{change: func(error) error { return errors.New("out of luck") }},
			"threads", "out of luck"},
		{"a Close that may not be repeated", faulty{plant: always(func(p *broken) {
			p.close = func() error {
				if p.closed {
					return errClosed
				}
				return p.reference.Close()
			}
		})}, "close", "the program is closed"},
		{"a Close without effect", faulty{plant: always(func(p *broken) {
			p.close = func() error { return nil }
		})}, "close", "a closed program gives its state"},
		{"a Close that fails", faulty{plant: always(func(p *broken) {
			p.close = func() error { return errors.New("stuck") }
		})}, "threads", "stuck"},
		{"a run that fails", faulty{plant: always(func(p *broken) {
			p.run = func(context.Context, values) (values, error) { return nil, errors.New("out of luck") }
		})}, "memory is not shared too early", "out of luck"},
		{"state that cannot be read", faulty{plant: always(func(p *broken) {
			p.read = func(...string) (values, error) { return nil, errors.New("out of luck") }
		})}, "inputs", "out of luck"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			i := slices.IndexFunc(all, func(k check) bool { return k.name == c.check })
			if i < 0 {
				t.Fatalf("there is no check %q", c.check)
			}
			got := record(func(t testing.TB) { all[i].run(t, c.e) })
			if !strings.Contains(got, c.says) || got == "" {
				t.Errorf("the check %q says %q, want %q", c.check, got, c.says)
			}
		})
	}
}

// spoil plants a change of results.
func spoil(f func(out values)) func(p *broken) { return func(p *broken) { p.spoilResults(f) } }

// spoilState plants a change of the state after each run.
func spoilState(f func(state values)) func(p *broken) {
	return func(p *broken) {
		p.run = func(ctx context.Context, in values) (values, error) {
			out, err := p.reference.Run(ctx, in)
			f(p.state)
			return out, err
		}
	}
}

// hidden gives an error that says nothing, for one.
func hidden(err error) error {
	if err == nil {
		return nil
	}
	return errors.New("hidden")
}

// An op without a case is named, and there is none.
func TestMissing(t *testing.T) {
	if got := missing(cases()); got != nil {
		t.Errorf("%q have no case", got)
	}
	without := slices.DeleteFunc(cases(), func(c opCase) bool { return c.op == "Tanh" || c.op == "ildc.MaskGrad" })
	got := missing(without)
	if slices.Sort(got); !slices.Equal(got, []string{"Tanh", "ildc.MaskGrad"}) {
		t.Errorf("%q have no case, want Tanh and ildc.MaskGrad", got)
	}
}

// Names tell checks apart, as -run needs.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks() {
		if seen[c.name] {
			t.Errorf("two checks are named %q", c.name)
		}
		seen[c.name] = true
	}
}

func TestNear(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name      string
		got, want []float64
		tolerance float64
		passes    bool
	}{
		{"equal", []float64{1, inf, nan}, []float64{1, inf, nan}, 0, true},
		{"one rounding", []float64{1 + 0x1p-23}, []float64{1}, 0, true},
		{"two roundings", []float64{1 + 0x1p-22}, []float64{1}, 0, false},
		{"within, by the largest", []float64{0.1, 10}, []float64{0, 10}, 0.011, true},
		{"beyond, by the largest", []float64{0.2, 10}, []float64{0, 10}, 0.011, false},
		{"infinities are no scale", []float64{2, inf}, []float64{1, inf}, 0.1, false},
		{"no number", []float64{nan}, []float64{1}, 1, false},
		{"a number for none", []float64{1}, []float64{nan}, 1, false},
		{"another sign of infinity", []float64{-inf}, []float64{inf}, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			of := func(v []float64) *graph.Tensor { return graph.FromValues(graph.Float32, []int{len(v)}, v) }
			got := record(func(t testing.TB) { near(t, "it", of(c.got), of(c.want), c.tolerance) })
			if (got == "") != c.passes {
				t.Errorf("near says %q, and passes: want %v", got, c.passes)
			}
		})
	}
}

func TestSame(t *testing.T) {
	zero, negative := math.Copysign(0, 1), math.Copysign(0, -1)
	one := func(v float64) values { return values{"x": graph.Scalar(graph.Float32, v)} }
	for _, c := range []struct {
		name      string
		got, want values
		says      string
	}{
		{"equal", one(1), one(1), ""},
		{"another bit", one(negative), one(zero), `"x" differs`},
		{"missing", values{}, one(1), "0 tensors, want 1"},
		{"of another name", values{"y": one(1)["x"]}, one(1), `"x" differs`},
	} {
		if got := record(func(t testing.TB) { same(t, "it", c.got, c.want) }); !strings.Contains(got, c.says) ||
			(c.says == "") != (got == "") {
			t.Errorf("%s: same says %q, want %q", c.name, got, c.says)
		}
	}
}

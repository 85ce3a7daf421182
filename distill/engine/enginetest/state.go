package enginetest

import (
	"context"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// state checks that state can be read, set and continued from.
func state(t testing.TB, e engine.Engine) {
	step, feeds := trainingStep{4, 8, 4}.graph(t, e.Native())
	p, q := compile(t, e, step, engine.Options{}), compile(t, e, step, engine.Options{})
	run(t, p, feeds)
	after, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := q.SetState(after); err != nil {
		t.Fatal(err)
	}
	run(t, p, feeds)
	run(t, q, feeds)
	same(t, "continued from a copy of the state", mustState(t, q), mustState(t, p))
	part, err := p.State("fc", "conv1")
	if err != nil || len(part) != 2 || part["fc"] == nil || part["conv1"] == nil {
		t.Errorf("part of the state: %v, %v", part, err)
	}
	if _, err := p.State("fc", "nonesuch"); err == nil || !strings.Contains(err.Error(), "nonesuch") {
		t.Errorf("unknown state: error %v", err)
	}
	before := mustState(t, p)
	for name, bad := range map[string]map[string]*graph.Tensor{
		"nonesuch": {"fc": normal(8, 5), "nonesuch": normal(1)},
		"conv1":    {"fc": normal(8, 5), "conv1": normal(3, 3)},
	} {
		if err := p.SetState(bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("bad state %q: error %v", name, err)
		}
		same(t, "state after a refused SetState", mustState(t, p), before)
	}
}

// swapped carries two tensors of state into each other, and keeps one that only SetState changes.
func swapped(t testing.TB, e engine.Engine) {
	g, b := newGraph("swapped")
	input := func(name string) *graph.Value { return b.Input(name, graph.Float32, graph.Dims(3)) }
	u, v, w := input("u"), input("v"), input("w")
	out := b.Rename(b.Op("Add", nil, u, w), "out")
	b.Output(out, b.Rename(u, "u next"), b.Rename(v, "v next"))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	one := func(x float32) *graph.Tensor { return graph.FromFloat32([]int{3}, []float32{x, x, x}) }
	p := compile(t, e, &engine.Step{Graph: g, State: []engine.Carry{
		{In: "u", Out: "v next", Initial: one(1)}, {In: "v", Out: "u next", Initial: one(2)}, {In: "w", Initial: one(10)},
	}}, engine.Options{})
	for i, want := range []float32{11, 12, 21} {
		if i == 2 {
			if err := p.SetState(map[string]*graph.Tensor{"w": one(20)}); err != nil {
				t.Fatal(err)
			}
		}
		if got := run(t, p, nil); len(got) != 1 || got["out"].Float32s()[0] != want {
			t.Errorf("run %d gives %v, want %v", i, got["out"].Values(), want)
		}
	}
}

// inputs checks that wrong inputs are refused by name, and leave the state as it was.
func inputs(t testing.TB, e engine.Engine) {
	step, feeds := trainingStep{4, 8, 4}.graph(t, e.Native())
	p := compile(t, e, step, engine.Options{})
	run(t, p, feeds)
	before := mustState(t, p)
	for name, x := range map[string]*graph.Tensor{
		"missing": nil, "shape": normal(4, 3, 8, 7), "dtype": graph.NewTensor(graph.Float64, 4, 3, 8, 8),
	} {
		bad := map[string]*graph.Tensor{"labels": feeds["labels"], "rate": feeds["rate"]}
		if x != nil {
			bad["x"] = x
		}
		if _, err := p.Run(context.Background(), bad); err == nil || !strings.Contains(err.Error(), `"x"`) {
			t.Errorf("%s: error %v", name, err)
		}
		same(t, "state after refused input", mustState(t, p), before)
	}
}

// owned checks that what a program returns or is given is not kept.
func owned(t testing.TB, e engine.Engine) {
	step, feeds := trainingStep{4, 8, 4}.graph(t, e.Native())
	p, q := compile(t, e, step, engine.Options{}), compile(t, e, step, engine.Options{})
	spoil := func(ts map[string]*graph.Tensor) {
		for _, x := range ts {
			for i := range x.Float32s() {
				x.Float32s()[i] = 1e6
			}
		}
	}
	for range 2 {
		mine := map[string]*graph.Tensor{}
		for name, x := range feeds {
			mine[name] = x.Clone()
		}
		first, want := run(t, p, mine), run(t, q, feeds)
		same(t, "results", first, want)
		spoil(mine)
		spoil(first)
		spoil(mustState(t, p))
	}
	given := mustState(t, q)
	if err := p.SetState(given); err != nil {
		t.Fatal(err)
	}
	spoil(given)
	same(t, "state", mustState(t, p), mustState(t, q))
}

// closing checks that Close may be repeated, and that a closed program says so.
func closing(t testing.TB, e engine.Engine) {
	step, feeds := trainingStep{2, 8, 4}.graph(t, e.Native())
	p := compile(t, e, step, engine.Options{})
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Run(context.Background(), feeds); err == nil {
		t.Error("a closed program runs")
	}
	if _, err := p.State(); err == nil {
		t.Error("a closed program gives its state")
	}
}

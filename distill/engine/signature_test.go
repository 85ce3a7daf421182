package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
)

// counting is a step of x, w [2] → y, next [2], with w carried.
func counting() *Step {
	g := graph.New("counting")
	value := func(name string) *graph.Value {
		return &graph.Value{Name: name, DType: graph.Float32, Shape: graph.Dims(2)}
	}
	g.Inputs = []*graph.Value{value("x"), value("w")}
	g.Outputs = []*graph.Value{value("next"), value("y")}
	return &Step{Graph: g, State: []Carry{{In: "w", Out: "next", Initial: graph.NewTensor(graph.Float32, 2)}}}
}

func names(vs []*graph.Value) (all []string) {
	for _, v := range vs {
		all = append(all, v.Name)
	}
	return all
}

func TestSignature(t *testing.T) {
	s, err := NewSignature(counting())
	if err != nil {
		t.Fatal(err)
	}
	if in, out := names(s.Feeds), names(s.Results); !slices.Equal(in, []string{"x"}) || !slices.Equal(out, []string{"y"}) {
		t.Errorf("it takes %q and gives %q", in, out)
	}
	if all, err := s.StateNames(nil); err != nil || !slices.Equal(all, []string{"w"}) {
		t.Errorf("its state is %q, %v", all, err)
	}
	if one, err := s.StateNames([]string{"w"}); err != nil || !slices.Equal(one, []string{"w"}) {
		t.Errorf("of its state there is %q, %v", one, err)
	}
}

// Every fault of a step is named, all of them at once.
func TestSignatureFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Step)
		want  []string
	}{
		{"no input", func(s *Step) { s.State[0].In = "v" }, []string{`state "v": the graph has no such input`}},
		{"twice", func(s *Step) { s.State = append(s.State, s.State[0]) }, []string{`state "w" is carried twice`}},
		{"no initial value", func(s *Step) { s.State[0].Initial = nil }, []string{`state "w" has no initial value`}},
		{"another shape", func(s *Step) {
			s.State[0].Initial = graph.NewTensor(graph.Float32, 3)
		}, []string{`"w" is float32[3]`}},
		{"no output", func(s *Step) { s.State[0].Out = "after" }, []string{`has no output "after"`}},
		{"another next value", func(s *Step) {
			s.Graph.Outputs[0].Shape = graph.Dims(3)
		}, []string{`its next value "next" is float32[3]`}},
		{"two faults", func(s *Step) {
			s.State[0].Initial, s.State[0].Out = nil, "after"
		}, []string{"no initial value", `no output "after"`}},
		{"a symbolic result", func(s *Step) {
			s.Graph.Outputs[1].Shape = graph.Shape{graph.Sym("n")}
		}, []string{`"y"`, "static shape"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := counting()
			c.spoil(s)
			_, err := NewSignature(s)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v: want %q", err, want)
				}
			}
			if unsupported := errors.Is(err, ErrUnsupported); unsupported != strings.HasPrefix(c.name, "a symbolic") {
				t.Errorf("ErrUnsupported: %v", unsupported)
			}
		})
	}
}

func TestSignatureChecks(t *testing.T) {
	s, err := NewSignature(counting())
	if err != nil {
		t.Fatal(err)
	}
	two, three := graph.NewTensor(graph.Float32, 2), graph.NewTensor(graph.Float32, 3)
	whole := graph.NewTensor(graph.Int64, 2)
	in := func(t *graph.Tensor) map[string]*graph.Tensor { return map[string]*graph.Tensor{"x": t} }
	_, unknown := s.StateNames([]string{"v"})
	for _, c := range []struct {
		name string
		err  error
		want string // "" for no error
	}{
		{"inputs", s.CheckInputs(in(two)), ""},
		{"no input", s.CheckInputs(nil), `input "x" is missing`},
		{"an input of another shape", s.CheckInputs(in(three)), `input "x" is float32[3], want float32[2]`},
		{"an input of another type", s.CheckInputs(in(whole)), "int64[2]"},
		{"state", s.CheckState(map[string]*graph.Tensor{"w": two}), ""},
		{"unknown state", s.CheckState(map[string]*graph.Tensor{"v": two}), `there is no state "v"`},
		{"nil state", s.CheckState(map[string]*graph.Tensor{"w": nil}), `state "w" is nil`},
		{"state of another shape", s.CheckState(map[string]*graph.Tensor{"w": three}), `state "w" is float32[3]`},
		{"unknown name of state", unknown, `there is no state "v"`},
	} {
		if c.want == "" && c.err != nil || c.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.name, c.err, c.want)
		}
	}
}

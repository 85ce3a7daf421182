package distill

import (
	"fmt"
	"maps"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Names of what a step is fed besides the models' inputs, and of what it gives.
const (
	learningRateInput = "ildc.learning_rate" // [1]
	labelsInput       = "ildc.labels"        // one-hot [N,K]
	weightInput       = "ildc.weight/"       // [1], of the term that follows
	lossOutput        = "ildc.loss"          // [1]; each term by itself, before its weight, is "ildc.loss/<term>"
)

// assembly is a step graph in the making.
type assembly struct {
	*loss.Emitter
	step  *engine.Step
	feeds map[string]*graph.Value
}

func newAssembly(name string) *assembly {
	g := graph.New(name)
	g.Opsets[""], g.Opsets[op.Macro] = op.Opset, 1
	return &assembly{
		Emitter: &loss.Emitter{Builder: graph.NewBuilder(g, op.Infer)},
		step:    &engine.Step{Graph: g}, feeds: map[string]*graph.Value{},
	}
}

// feed declares, once, what a run is given.
func (a *assembly) feed(name string, dtype graph.DType, shape graph.Shape) *graph.Value {
	if a.feeds[name] == nil {
		a.feeds[name] = a.Input(name, dtype, shape)
	}
	return a.feeds[name]
}

// carry declares a state tensor, and gives its value in this run and a function that sets the next. State that is given
// no next value changes by SetState only.
func (a *assembly) carry(name string, initial *graph.Tensor) (now *graph.Value, next func(*graph.Value)) {
	now = a.Input(name, initial.DType, initial.Shape())
	k := len(a.step.State)
	a.step.State = append(a.step.State, engine.Carry{In: now.Name, Initial: initial})
	return now, func(v *graph.Value) {
		a.step.State[k].Out = v.Name
		a.Output(v)
	}
}

// inlined gives the values of a model that has become part of the step, by their names in the model.
type inlined map[string]*graph.Value

// inline appends a model's nodes. Its inputs are fed by feeds' names, and the initializers in state are read from
// there.
func (a *assembly) inline(
	scope string, g *graph.Graph, feeds []string, state map[string]*graph.Value,
) (inlined, error) {
	bind := maps.Clone(state)
	if bind == nil {
		bind = map[string]*graph.Value{}
	}
	for i, v := range g.Inputs {
		bind[v.Name] = a.feed(feeds[i], v.DType, v.Shape.Clone())
	}
	to, err := pass.Inline(a.In(scope), g, bind)
	if err != nil {
		return nil, fmt.Errorf("distill: %w", err)
	}
	m := inlined{}
	for old, v := range to {
		m[old.Name] = v
	}
	return m, nil
}

// give names a value as an output of the step.
func (a *assembly) give(name string, v *graph.Value) {
	a.Output(a.Rename(v, name))
}

// finish gives the step without what no output depends on.
func (a *assembly) finish() (*engine.Step, error) {
	err := a.Err()
	if err == nil {
		pass.DeadCode(a.step.Graph)
		err = a.step.Graph.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("distill: %s: %w", a.step.Graph.Name, err)
	}
	return a.step, nil
}

package distill

import (
	"context"
	"fmt"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// backend is an engine, and how it is to run.
type backend struct {
	engine  engine.Engine
	options engine.Options
}

// compiled is a program with the step it runs.
type compiled struct {
	engine.Program
	step *engine.Step
}

// compile compiles a step so that the same inputs give the same bytes.
func (b backend) compile(ctx context.Context, s *engine.Step) (*compiled, error) {
	b.options.Deterministic = true
	p, err := engine.Compile(ctx, b.engine, s, b.options)
	if err != nil {
		return nil, fmt.Errorf("distill: %s on engine %s: %w", s.Graph.Name, b.engine.Name(), err)
	}
	return &compiled{p, s}, nil
}

// run gives the program the inputs that it knows of a batch.
func (c *compiled) run(ctx context.Context, batch map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	in := map[string]*graph.Tensor{}
	state := map[string]bool{}
	for _, s := range c.step.State {
		state[s.In] = true
	}
	for _, v := range c.step.Graph.Inputs {
		if t := batch[v.Name]; t != nil {
			in[v.Name] = t
		} else if !state[v.Name] {
			return nil, fmt.Errorf("distill: the batch has no %q", v.Name)
		}
	}
	return c.Run(ctx, in)
}

// shared lists those state tensors of c that another program has, too.
func (c *compiled) shared(with *compiled) []string {
	has := map[string]bool{}
	for _, s := range with.step.State {
		has[s.In] = true
	}
	var names []string
	for _, s := range c.step.State {
		if has[s.In] {
			names = append(names, s.In)
		}
	}
	return names
}

// copyState moves what two programs share from one to the other.
func copyState(to, from *compiled) error {
	names := to.shared(from)
	if len(names) == 0 {
		return nil
	}
	state, err := from.State(names...)
	if err != nil {
		return err
	}
	return to.SetState(state)
}

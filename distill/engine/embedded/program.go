package embedded

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded/internal/kernel"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// program is a compiled step. Its state lies in the memory of the graph's inputs, which no instruction writes; a run
// that succeeds copies the next state there at its end.
type program struct {
	signature *engine.Signature
	plan      *plan
	team      *kernel.Team
	machine   gorgonia.VM // nil where there is nothing to compute
	carries   []carry
	feeds     map[string]*graph.Tensor // where the inputs of a run are copied to
	results   map[string]*graph.Tensor
	failed    error // of the instruction that ended a run
	closed    bool
}

// carry is one tensor of state.
type carry struct {
	name      string
	now, next *graph.Tensor // next is nil for state that only SetState changes
}

func newProgram(ctx context.Context, s *engine.Step, signature *engine.Signature, threads int) (*program, error) {
	g, to := s.Graph.Clone()
	pass.FoldBatchNorm(g)
	if err := join(g); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	p := &program{signature: signature, plan: newPlan(g), team: kernel.NewTeam(threads), feeds: map[string]*graph.Tensor{},
		results: map[string]*graph.Tensor{}}
	for _, v := range signature.Feeds {
		p.feeds[v.Name] = p.plan.tensors[to[v]]
	}
	for _, v := range signature.Results {
		p.results[v.Name] = p.plan.tensors[to[v]]
	}
	memory := map[string]*graph.Tensor{} // of inputs
	for _, v := range g.Inputs {
		memory[v.Name] = p.plan.tensors[v]
	}
	next := map[string]*graph.Tensor{}
	for _, v := range g.Outputs {
		next[v.Name] = p.plan.tensors[v]
	}
	for _, c := range s.State {
		copyData(memory[c.In].Data, c.Initial.Data)
		p.carries = append(p.carries, carry{name: c.In, now: memory[c.In], next: next[c.Out]})
	}
	var instructions []*instruction
	for _, n := range g.Nodes {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("embedded: compile: %w", err)
		}
		if !isView(n) && slices.ContainsFunc(n.Outputs, func(v *graph.Value) bool { return v != nil }) {
			instructions = append(instructions, p.instruction(n, len(instructions)))
		}
	}
	if len(instructions) == 0 {
		return p, nil
	}
	var err error
	if p.machine, err = newMachine(instructions, p.plan.tensors); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	return p, nil
}

// instruction binds a node to its memory.
func (p *program) instruction(n *graph.Node, number int) *instruction {
	c := &call{node: n, in: make([]*graph.Tensor, len(n.Inputs)), out: make([]*graph.Tensor, len(n.Outputs))}
	empty := false
	for i, v := range n.Inputs {
		if v != nil {
			c.in[i] = p.plan.tensors[v]
			empty = empty || c.in[i].Len() == 0
		}
	}
	var value *graph.Tensor
	for i, v := range n.Outputs {
		if v != nil {
			c.out[i] = p.plan.tensors[v]
			empty = empty || c.out[i].Len() == 0
			if value == nil {
				value = c.out[i]
			}
		}
	}
	var compute step
	if o := operationOf(n); o.kernel != nil && !empty {
		compute = o.kernel(c)
	}
	i := &instruction{number: number, node: n, out: vector(value)}
	i.run = func() error {
		p.failed = guard(func() error {
			switch {
			case p.team.Stopped():
				return context.Canceled
			case compute != nil:
				compute(p.team)
				return nil
			}
			return c.reference()
		})
		return p.failed
	}
	return i
}

// panicked is a panic of an instruction. The machine runs instructions on a goroutine of its own, where nobody could
// recover it, so it is passed on to the one that called Run.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

// guard runs f, and gives a panic as an error.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{r, debug.Stack()}
		}
	}()
	return f()
}

// reference computes the node by the op table's reference evaluation.
func (c *call) reference() error {
	out, err := op.Of(c.node).Eval(c.node, c.in)
	if err != nil {
		return err
	}
	for i, t := range c.out {
		if t != nil {
			copyData(t.Data, out[i].Data)
		}
	}
	return nil
}

var errClosed = errors.New("embedded: the program is closed")

// Run implements [engine.Program].
func (p *program) Run(ctx context.Context, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	if p.closed {
		return nil, errClosed
	}
	if err := p.signature.CheckInputs(in); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	for name, t := range p.feeds {
		copyData(t.Data, in[name].Data)
	}
	if err := p.compute(ctx); err != nil {
		return nil, err
	}
	out := map[string]*graph.Tensor{}
	for name, t := range p.results {
		out[name] = t.Clone()
	}
	p.commit()
	return out, nil
}

// compute runs the machine until it is done or ctx ends.
func (p *program) compute(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	if p.machine == nil {
		return nil
	}
	p.team.Resume()
	p.failed = nil
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() { p.team.Stop(); close(stopped) })
	err := p.machine.RunAll()
	if !cancel() {
		<-stopped // so that it cannot stop the next run
	}
	p.machine.Reset()
	var broken *panicked
	if errors.As(p.failed, &broken) {
		panic(broken.Error())
	}
	switch {
	case p.team.Stopped():
		return fmt.Errorf("embedded: %w", ctx.Err())
	case err != nil && p.failed != nil:
		return fmt.Errorf("embedded: %w", p.failed)
	case err != nil:
		return fmt.Errorf("embedded: %w", err)
	}
	return nil
}

// commit makes the next state the current one.
func (p *program) commit() {
	// A next state may lie in the memory of other state, which must be read before it is written.
	current := map[uintptr]bool{}
	for _, c := range p.carries {
		current[address(c.now)] = true
	}
	next := make([]any, len(p.carries))
	for i, c := range p.carries {
		if c.next != nil {
			if next[i] = c.next.Data; current[address(c.next)] {
				next[i] = c.next.Clone().Data
			}
		}
	}
	for i, c := range p.carries {
		if next[i] != nil {
			copyData(c.now.Data, next[i])
		}
	}
}

func address(t *graph.Tensor) uintptr { return reflect.ValueOf(t.Data).Pointer() }

// State implements [engine.Program].
func (p *program) State(names ...string) (map[string]*graph.Tensor, error) {
	if p.closed {
		return nil, errClosed
	}
	names, err := p.signature.StateNames(names)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	out := map[string]*graph.Tensor{}
	for _, c := range p.carries {
		if slices.Contains(names, c.name) {
			out[c.name] = c.now.Clone()
		}
	}
	return out, nil
}

// SetState implements [engine.Program].
func (p *program) SetState(state map[string]*graph.Tensor) error {
	if p.closed {
		return errClosed
	}
	if err := p.signature.CheckState(state); err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	for _, c := range p.carries {
		if t := state[c.name]; t != nil {
			copyData(c.now.Data, t.Data)
		}
	}
	return nil
}

// Close implements [engine.Program].
func (p *program) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	machine := p.machine
	p.signature, p.plan, p.team, p.machine, p.carries, p.feeds, p.results = nil, nil, nil, nil, nil, nil, nil
	if machine == nil {
		return nil
	}
	return machine.Close()
}

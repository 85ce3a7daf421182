package enginetest

import (
	"context"
	"sync"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// values are tensors by name.
type values = map[string]*graph.Tensor

// faulty is the reference with a fault, which is planted into each program that is compiled.
type faulty struct {
	Reference
	plant func(p *broken, s *engine.Step, o engine.Options)
}

func (f faulty) Compile(ctx context.Context, s *engine.Step, o engine.Options) (engine.Program, error) {
	p, err := f.Reference.Compile(ctx, s, o)
	if err != nil {
		return nil, err
	}
	b := &broken{reference: p.(*reference)}
	f.plant(b, s, o)
	return b, nil
}

// broken is a program some of whose methods are replaced.
type broken struct {
	*reference
	run      func(ctx context.Context, in values) (values, error)
	read     func(names ...string) (values, error)
	setState func(part values) error
	close    func() error
}

func (b *broken) Run(ctx context.Context, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error) {
	if b.run != nil {
		return b.run(ctx, in)
	}
	return b.reference.Run(ctx, in)
}

func (b *broken) State(names ...string) (map[string]*graph.Tensor, error) {
	if b.read != nil {
		return b.read(names...)
	}
	return b.reference.State(names...)
}

func (b *broken) SetState(part map[string]*graph.Tensor) error {
	if b.setState != nil {
		return b.setState(part)
	}
	return b.reference.SetState(part)
}

func (b *broken) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.reference.Close()
}

// spoilResults makes every run that succeeds hand its results to f.
func (b *broken) spoilResults(f func(out values)) {
	b.run = func(ctx context.Context, in values) (values, error) {
		out, err := b.reference.Run(ctx, in)
		if err == nil {
			f(out)
		}
		return out, err
	}
}

// where plants a fault into the programs of steps with so many nodes of an op, or more.
func where(op string, atLeast int, plant func(p *broken)) func(*broken, *engine.Step, engine.Options) {
	return func(p *broken, s *engine.Step, _ engine.Options) {
		for _, n := range s.Graph.Nodes {
			if n.OpName() == op {
				atLeast--
			}
		}
		if atLeast <= 0 {
			plant(p)
		}
	}
}

// always plants a fault into every program.
func always(plant func(p *broken)) func(*broken, *engine.Step, engine.Options) {
	return func(p *broken, _ *engine.Step, _ engine.Options) { plant(p) }
}

// scaled multiplies all results of floats.
func scaled(by float32) func(out values) {
	return func(out values) {
		for _, t := range out {
			if t.DType == graph.Float32 {
				for i := range t.Float32s() {
					t.Float32s()[i] *= by
				}
			}
		}
	}
}

// oneProgram is an engine whose programs are one, with one state.
type oneProgram struct {
	Reference
	mu   *sync.Mutex
	only *engine.Program
}

func (e oneProgram) Compile(ctx context.Context, s *engine.Step, o engine.Options) (engine.Program, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if *e.only == nil {
		p, err := e.Reference.Compile(ctx, s, o)
		if err != nil {
			return nil, err
		}
		b := &broken{reference: p.(*reference), close: func() error { return nil }}
		b.run = func(ctx context.Context, in values) (values, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			return b.reference.Run(ctx, in)
		}
		*e.only = b
	}
	return *e.only, nil
}

// refusing is an engine whose Compile changes errors.
type refusing struct {
	Reference
	change func(err error) error
}

func (e refusing) Compile(ctx context.Context, s *engine.Step, o engine.Options) (engine.Program, error) {
	p, err := e.Reference.Compile(ctx, s, o)
	return p, e.change(err)
}

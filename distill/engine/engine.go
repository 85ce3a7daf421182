package engine

import (
	"context"
	"errors"

	"github.com/ildc/ildc/graph"
)

// ErrUnsupported is wrapped by every error of Compile that names an op, node or dtype that the engine cannot run.
var ErrUnsupported = errors.New("the engine cannot run it")

// Engine compiles steps.
type Engine interface {
	// Name is the engine's name on the command line: "embedded", "ort".
	Name() string
	// Version is what determinism is scoped to, beside Options: for example "onnxruntime 1.30.0, revision 1, amd64 with
	// blocks of 16".
	Version() string
	// Native names the macro ops that the engine runs itself; the caller lowers the others before Compile.
	Native() []string
	// Compile fails with every op, node and dtype that the engine cannot run, in one error. The step is not changed,
	// and not referred to after Compile has returned. Compile may be called by several goroutines at once.
	Compile(ctx context.Context, s *Step, o Options) (Program, error)
}

// Step is a graph whose shapes are static, and its carried state.
type Step struct {
	Graph *graph.Graph
	State []Carry
}

// Carry makes an output of one run an input of the next. Both have one dtype and shape.
type Carry struct {
	In      string        // name of a graph input
	Out     string        // name of a graph output; "" for state that only SetState changes
	Initial *graph.Tensor // what the input is in the first run
}

// Options say how to run. The zero value is good.
type Options struct {
	Threads       int               // 0: one per core
	Device        string            // "" and "cpu" are the CPU; "cuda:1" is the second of its kind
	DeviceOptions map[string]string // what the device's own driver is told, by its own names
	// Deterministic is that the same inputs give the same bytes, also where another way were faster. The CPU does that.
	// Other devices get what settings they have for it, which may be none, and promise nothing.
	Deterministic bool
}

// Program is a compiled step with its state. It is not safe for concurrent use; several programs are.
type Program interface {
	// Run takes the inputs that are not state and gives the outputs that are not state; the state moves on. in is only
	// read, and not kept. A run that fails or is cancelled leaves the state as it was. Returned tensors are the caller's.
	Run(ctx context.Context, in map[string]*graph.Tensor) (map[string]*graph.Tensor, error)
	// State copies parts of the state by the names of their inputs, all of it where no name is given.
	State(names ...string) (map[string]*graph.Tensor, error)
	// SetState replaces parts of the state by the names of their inputs; others stay. It is all or nothing.
	SetState(map[string]*graph.Tensor) error
	// Close frees what the program holds. It may be called again.
	Close() error
}

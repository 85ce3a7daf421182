package op

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ildc/ildc/graph"
)

// Opset is the version of the ONNX domain whose forms the table describes.
const Opset = 21

// Macro is the domain of macro ops.
const Macro = "ildc"

// Errors that callers tell apart.
var (
	ErrUnsupported = errors.New("unsupported")        // the op, or this use of it, is not in the table
	ErrMalformed   = errors.New("malformed")          // the node contradicts its op's definition
	ErrNoGradient  = errors.New("no gradient exists") // the op cannot be differentiated through
)

// Spec is the meaning of an op. Functions may rely on what Shape checked: it runs first.
type Spec struct {
	Type   string
	Domain string // "" for ONNX's own, or Macro

	// Role is the part that the op plays in a network; ops that count MACs are linear without saying so.
	Role Role

	// Inputs is how many inputs the op takes at the least and at the most; Most < 0 is without limit, and all must be
	// there.
	Least, Most int

	// Settings are the numbers of inputs of floats that are settings, as scales are, and no weights: they are not trained.
	Settings []int

	// Upgrade appends the equivalent, in the form of Opset, of a node of that opset, and gives its outputs; nil where the
	// node can stay as it is. Shapes of the inputs are inferred as far as they can be.
	// It runs on every imported node. No Upgrade: the form never changed in a way that matters.
	Upgrade func(b *graph.Builder, n *graph.Node, opset int64) []*graph.Value

	// Rebatch does the same for a node of a model with a fixed batch of 1, whose inputs now have the batch given: a
	// constant that hard-codes the 1 is rewritten. nil where the op has no such constants, or where this node has none.
	Rebatch func(b *graph.Builder, n *graph.Node, batch int) []*graph.Value

	// Shape gives the type of each output. Unknown ranks and symbolic extents are passed on as far as they can be.
	Shape func(n *graph.Node) ([]Type, error)

	// MACs counts multiply-adds (one multiply-add = 1 MAC) of a node with static shapes; nil counts none.
	MACs func(n *graph.Node) int64

	// Channels tells which positions of which axes move together. Axes it does not mention never shrink.
	// nil: no axis of the node's inputs and outputs ever shrinks.
	Channels func(c *Coupling, n *graph.Node)

	// Grad appends the gradient: given those of the outputs (nil where an output has none), it gives
	// those of the inputs (nil, or a short list, where an input has none). Shapes are static.
	// nil: the op has no gradient; NoGrad says that this is its nature (comparisons, shapes) and the gradient is zero.
	Grad   func(b *graph.Builder, n *graph.Node, dy []*graph.Value) []*graph.Value
	NoGrad bool

	// Eval is the reference evaluation: slow, obvious, in float64 inside. in[i] is nil where the input is absent;
	// it gives as many outputs as the node has. Deterministic. Elements are numbers, unless AnyType: then the op only
	// moves elements, and takes strings too.
	AnyType bool
	Eval    func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error)

	// Scalar, of an op that maps the elements of its one input one by one, is that map. Eval follows from it.
	Scalar func(n *graph.Node) func(x float64) float64

	// Restated gives the integer attributes that only restate an extent of an input, as hidden_size does, by that extent.
	Restated func(n *graph.Node) map[string]int64

	// Composite says that Upgrade puts other ops in the place of every node whose shapes it knows: coupling, gradient and
	// engines need not know the op.
	Composite bool

	// Train appends the node's form in training, where it has another than in inference: it gives the outputs and, by
	// the number of the input, the next value of each input that is running state.
	Train func(b *graph.Builder, n *graph.Node) (out []*graph.Value, next map[int]*graph.Value)

	// Weights says how the output is linear in the second input: the axis of it that outputs lie along, and whether the
	// other axes meet windows of the first input, as a convolution's, or its last axis. ok is false where not every output
	// reads all of that.
	Weights func(n *graph.Node) (outputs int, windows, ok bool)

	// FromLogits says that the output is a distribution, or its logarithm, whose logits are the first input.
	FromLogits bool

	// Lower, of a macro op, appends its decomposition into standard ops and gives its outputs.
	Lower func(b *graph.Builder, n *graph.Node) []*graph.Value

	// Tolerance is how far an engine's float32 result may lie from Eval's, relative to the largest magnitude of the
	// expected output; 0 means that bits agree up to one rounding.
	Tolerance float64
}

// Role tells ops apart by the part that they play in a network, where their shapes don't tell it.
type Role string

// The roles.
const (
	Activation    Role = "activation"    // nonlinear, element by element
	Normalisation Role = "normalisation" // brings features to a common scale
	Pooling       Role = "pooling"       // summarises over spatial axes
)

// Type is what inference knows of a value.
type Type struct {
	DType graph.DType
	Shape graph.Shape

	// Elems are the elements of a small tensor of integers (rank ≤ 1), whatever their type, where they are known; of
	// bools, 0 and 1.
	Elems graph.Shape
}

// families lists the op families, one function per file.
func families() [][]*Spec {
	return [][]*Spec{
		elementwise(),
		unary(),
		comparisons(),
		activations(),
		softmax(),
		reductions(),
		argExtremes(),
		shapes(),
		movement(),
		resizing(),
		convolution(),
		linear(),
		pooling(),
		normalisation(),
		fused(),
		compositeNormalisation(),
		recurrent(),
		contributed(),
		legacy(),
	}
}

type evalFunc = func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error)

type key struct{ domain, op string }

// The table is filled at its first use, and not by an initialiser, since Specs look ops up.
var (
	table     map[key]*Spec
	fillTable sync.Once
)

// guarded keeps an evaluation from operands that it cannot read: strings, unless it takes any type, and types that are
// not modelled.
func guarded(eval evalFunc, anyType bool) evalFunc {
	return func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) {
		for i, t := range in {
			if t != nil && (!t.DType.Known() || t.DType == graph.String && !anyType) {
				return nil, Errorf(n, ErrUnsupported, "input %d of %v", i, t.DType)
			}
		}
		return eval(n, in)
	}
}

func specs() map[key]*Spec {
	fillTable.Do(func() {
		table = map[key]*Spec{}
		for _, family := range families() {
			for _, s := range family {
				k := key{s.Domain, s.Type}
				if table[k] != nil {
					panic(fmt.Sprintf("op: %s.%s is in the table twice", s.Domain, s.Type))
				}
				if s.Scalar != nil {
					s.Eval = func(n *graph.Node, in []*graph.Tensor) ([]*graph.Tensor, error) { return each(in[0], s.Scalar(n)), nil }
				}
				s.Eval = guarded(s.Eval, s.AnyType)
				table[k] = s
			}
		}
	})
	return table
}

// Lookup finds an op's Spec, nil where the table does not have it.
func Lookup(domain, op string) *Spec { return specs()[key{domain, op}] }

// Of finds the Spec of a node's op, nil where the table does not have it.
func Of(n *graph.Node) *Spec { return Lookup(n.Domain, n.Op) }

// All lists the table, ONNX's ops first, each domain by name.
func All() []*Spec {
	var all []*Spec
	for _, s := range specs() {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Spec) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Type, b.Type))
	})
	return all
}

// Error is about a node.
type Error struct {
	Node string // with its op, and the shapes it reads
	Why  string
	kind error
}

func (e *Error) Error() string { return e.Node + ": " + e.Why + ": " + e.kind.Error() }

func (e *Error) Unwrap() error { return e.kind }

// Errorf is an [Error] about a node, of one of the kinds that callers tell apart.
func Errorf(n *graph.Node, kind error, format string, args ...any) error {
	shapes := ""
	for i, v := range n.Inputs {
		if i > 0 {
			shapes += " "
		}
		if v == nil {
			shapes += "-"
		} else {
			shapes += v.Shape.String()
		}
	}
	return &Error{fmt.Sprintf("node %q (%s) on %s", n.Name, n.OpName(), shapes), fmt.Sprintf(format, args...), kind}
}

// Infer sets dtype, shape and known elements of a node's outputs. An op that is not in the table leaves them unknown
// and is no error.
func Infer(n *graph.Node) error {
	s := Of(n)
	if s == nil {
		return nil
	}
	if len(n.Inputs) < s.Least || s.Most >= 0 && len(n.Inputs) > s.Most {
		return Errorf(n, ErrMalformed, "%d inputs", len(n.Inputs))
	}
	required := s.Least
	if s.Most < 0 {
		required = len(n.Inputs)
	}
	for i := range required {
		if n.Inputs[i] == nil {
			return Errorf(n, ErrMalformed, "input %d is absent", i)
		}
	}
	if n.Output(0) == nil {
		return Errorf(n, ErrMalformed, "no first output")
	}
	types, err := s.Shape(n)
	if err != nil {
		return err
	}
	if len(n.Outputs) > len(types) {
		return Errorf(n, ErrMalformed, "%d outputs, the op gives %d", len(n.Outputs), len(types))
	}
	if len(n.Outputs) == 1 && types[0].Elems == nil && s.Eval != nil {
		types[0].Elems = evalElems(n, types[0])
	}
	for i, v := range n.Outputs {
		if v != nil {
			v.DType, v.Shape, v.Elems = types[i].DType, types[i].Shape, types[i].Elems
		}
	}
	return nil
}

// NewBuilder appends to g, inferring shapes as it goes. Ops that are not in the table are refused.
func NewBuilder(g *graph.Graph) *graph.Builder {
	return graph.NewBuilder(g, func(n *graph.Node) error {
		if Of(n) == nil {
			return Errorf(n, ErrUnsupported, "the op is not in the table")
		}
		return Infer(n)
	})
}

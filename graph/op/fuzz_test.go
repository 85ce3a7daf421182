package op_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// stream makes choices from bytes; at its end all are 0.
type stream []byte

func (s *stream) choose(n int) int {
	if len(*s) == 0 {
		return 0
	}
	c := int((*s)[0]) % n
	*s = (*s)[1:]
	return c
}

// number is small, or extreme.
func (s *stream) number() int64 {
	numbers := []int64{0, 1, 2, 3, 4, 5, -1, -2, -3, 6, 8, 100, 1 << 31, -1 << 31, math.MaxInt64, math.MinInt64}
	return numbers[s.choose(len(numbers))]
}

func (s *stream) list() []int64 {
	list := make([]int64, s.choose(5))
	for i := range list {
		list[i] = s.number()
	}
	return list
}

func (s *stream) tensor() *graph.Tensor {
	switch s.choose(4) {
	case 0:
		return graph.Ints(s.list()...)
	case 1:
		return graph.FromInt64(nil, []int64{s.number()})
	case 2:
		return &graph.Tensor{DType: graph.String, Dims: []int{1}, Data: []string{"a"}}
	}
	dtypes := []graph.DType{graph.Float32, graph.Float64, graph.Bool, graph.Int64, graph.Int32, graph.Float16}
	dims := make([]int, s.choose(5))
	for i := range dims {
		dims[i] = s.choose(4)
	}
	values := make([]float64, graph.Product(dims))
	for i := range values {
		values[i] = float64(i%7) - 2
	}
	return graph.FromValues(dtypes[s.choose(len(dtypes))], dims, values)
}

func (s *stream) value() *graph.Value {
	switch s.choose(8) {
	case 0:
		return nil
	case 1:
		return &graph.Value{DType: graph.Float32}
	case 2:
		return &graph.Value{DType: graph.Int64}
	case 3, 4:
		v := &graph.Value{DType: graph.Float32, Shape: graph.Shape{}}
		for range s.choose(6) {
			v.Shape = append(v.Shape, []graph.Dim{graph.D(0), graph.D(1), graph.D(2), graph.D(3), graph.D(4), graph.Sym("N"),
				graph.Sym("M"), graph.Unknown}[s.choose(8)])
		}
		return v
	}
	return fixed(s.tensor())
}

// attributes gives some of those that the table's ops read values of any type.
func (s *stream) attributes() graph.Attrs {
	names := []string{
		"axis", "axes", "keepdims", "noop_with_empty_axes", "perm", "pads", "kernel_shape", "strides", "dilations", "group",
		"auto_pad", "ceil_mode",
		"mode", "to", "start", "end", "starts", "ends", "split", "num_outputs", "output_shape", "output_padding", "shape",
		"value", "value_ints",
		"allowzero", "broadcast", "transA", "transB", "alpha", "epsilon", "reduction", "training_mode", "spatial",
		"count_include_pad", "storage_order", "min", "max",
	}
	attrs := graph.Attrs{}
	for range s.choose(5) {
		name := names[s.choose(len(names))]
		switch s.choose(5) {
		case 0, 1:
			attrs[name] = s.number()
		case 2:
			attrs[name] = s.list()
		case 3:
			attrs[name] = []string{"", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "constant", "reflect", "edge", "wrap",
				"add"}[s.choose(10)]
		case 4:
			attrs[name] = s.tensor()
		}
	}
	return attrs
}

// FuzzInfer puts any node of the table through inference and what relies on it: nothing panics, and what is evaluated
// has the shape that was inferred.
func FuzzInfer(f *testing.F) {
	for i := range op.All() {
		f.Add(append([]byte{byte(i)}, "\x03\x03\x04\x02\x02\x02\x02\x03\x04\x02\x02\x01\x01\x05\x01\x02\x01\x01"...))
		f.Add(append([]byte{byte(i)}, "\x02\x05\x03\x03\x01\x02\x02\x00\x05\x00\x02\x01\x01\x01\x00\x00\x01\x07\x01"...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := stream(data)
		all := op.All()
		spec := all[s.choose(len(all))]
		n := &graph.Node{Name: "node", Op: spec.Type, Domain: spec.Domain}
		for range s.choose(6) {
			n.Inputs = append(n.Inputs, s.value())
		}
		for range s.choose(4) + 1 {
			n.Outputs = append(n.Outputs, &graph.Value{Name: "y", Producer: n})
		}
		n.Attrs = s.attributes()
		if spec.Upgrade != nil {
			spec.Upgrade(op.NewBuilder(graph.New("upgrade")), n, int64(6+s.choose(16)))
		}
		if op.Infer(n) != nil {
			return
		}
		op.NewCoupling().Apply(n)
		for _, y := range n.Outputs {
			for _, d := range y.Shape {
				if d.Known() && d.Size < 0 {
					t.Fatalf("%s: shape %v", n.OpName(), y.Shape)
				}
			}
			if y.Elems != nil && y.Shape.Static() && len(y.Elems) != y.Shape.Elements() {
				t.Fatalf("%s: %d known elements of %v", n.OpName(), len(y.Elems), y.Shape)
			}
			if !y.Shape.Static() || y.Shape.Elements() > 1<<12 {
				return
			}
		}
		if spec.MACs != nil && allStatic(n.Inputs) {
			spec.MACs(n)
		}
		checkFuzzedEval(t, spec, n)
		checkFuzzedGrad(t, spec, n)
	})
}

func allStatic(vs []*graph.Value) bool {
	for _, v := range vs {
		if v != nil && !v.Shape.Static() {
			return false
		}
	}
	return true
}

func checkFuzzedEval(t *testing.T, spec *op.Spec, n *graph.Node) {
	in := make([]*graph.Tensor, len(n.Inputs))
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		if in[i] = v.Const; in[i] == nil {
			return
		}
	}
	out, err := spec.Eval(n, in)
	if err != nil {
		return
	}
	if len(out) < len(n.Outputs) {
		t.Fatalf("%s: %d outputs of %d evaluated", n.OpName(), len(out), len(n.Outputs))
	}
	for i, y := range n.Outputs {
		if out[i].Shape().String() != y.Shape.String() {
			t.Fatalf("%s: inferred %v, evaluated %v", n.OpName(), y.Shape, out[i])
		}
	}
}

func checkFuzzedGrad(t *testing.T, spec *op.Spec, n *graph.Node) {
	if spec.Grad == nil || !allStatic(n.Inputs) || !n.Outputs[0].DType.IsFloat() {
		return
	}
	b := op.NewBuilder(graph.New("gradient"))
	dy := make([]*graph.Value, len(n.Outputs))
	for i, y := range n.Outputs {
		if y.DType.IsFloat() {
			dy[i] = b.Input(fmt.Sprint("dy", i), y.DType, y.Shape)
		}
	}
	var err error
	func() {
		defer b.Guard(&err)
		for i, d := range spec.Grad(b, n, dy) {
			if v := n.Input(i); b.Err() == nil && d != nil && v != nil && v.DType.IsFloat() && !d.Shape.Equal(v.Shape) {
				t.Fatalf("%s: gradient %v of operand %d %v", n.OpName(), d.Shape, i, v.Shape)
			}
		}
	}()
}

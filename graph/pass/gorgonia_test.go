package pass_test

import (
	"fmt"
	"math"
	"math/rand"
	"testing"

	_ "go4.org/unsafe/assume-no-moving-gc" // Gorgonia needs it
	gorgonia "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Both sides compute in float64 and differ in the order of sums only.
const gorgoniaTolerance = 1e-10

// twin is one function of tensors, written for both automatic differentiators. Only ops whose gradients Gorgonia has
// right are here.
type twin struct {
	name     string
	dims     [][]int // of the operands
	positive bool    // the function is for positive operands
	labels   int     // how many operands, the last ones, are one-hot rows that are not differentiated
	ours     func(b *graph.Builder, in []*graph.Value) *graph.Value
	theirs   func(in []*gorgonia.Node) (*gorgonia.Node, error)
}

// TestGradientAgainstGorgonia compares values and gradients of Σ y·r, r fixed and random, with those of Gorgonia's
// autodiff.
func TestGradientAgainstGorgonia(t *testing.T) {
	for _, c := range twins() {
		t.Run(c.name, func(t *testing.T) {
			in := c.operands()
			value, grads := c.differentiate(t, in)
			wantValue, wantGrads := c.differentiateByGorgonia(t, in)
			agree(t, "value", value, wantValue)
			for i, want := range wantGrads {
				agree(t, fmt.Sprintf("gradient of operand %d", i), grads[i], want)
			}
		})
	}
}

func twins() []twin {
	return []twin{
		binaryTwin("Add", gorgonia.Add),
		binaryTwin("Sub", gorgonia.Sub),
		binaryTwin("Mul", gorgonia.HadamardProd),
		positiveTwin(binaryTwin("Div", gorgonia.HadamardDiv)),
		positiveTwin(binaryTwin("Pow", gorgonia.Pow)),
		unaryTwin("Exp", nil, gorgonia.Exp),
		positiveTwin(unaryTwin("Log", nil, gorgonia.Log)),
		positiveTwin(unaryTwin("Sqrt", nil, gorgonia.Sqrt)),
		unaryTwin("Neg", nil, gorgonia.Neg),
		unaryTwin("Abs", nil, gorgonia.Abs),
		unaryTwin("Tanh", nil, gorgonia.Tanh),
		unaryTwin("Sigmoid", nil, gorgonia.Sigmoid),
		unaryTwin("Relu", nil, gorgonia.Rectify),
		unaryTwin("LeakyRelu", graph.Attrs{"alpha": float32(0.25)}, func(x *gorgonia.Node) (*gorgonia.Node, error) {
			return gorgonia.LeakyRelu(x, 0.25)
		}),
		unaryTwin("Softmax", graph.Attrs{"axis": int64(-1)}, func(x *gorgonia.Node) (*gorgonia.Node, error) {
			return gorgonia.SoftMax(x)
		}),
		unaryTwin("LogSoftmax", graph.Attrs{"axis": int64(-1)}, func(x *gorgonia.Node) (*gorgonia.Node, error) {
			return gorgonia.LogSoftMax(x)
		}),
		unaryTwin("Transpose", graph.Attrs{"perm": []int64{1, 0}}, func(x *gorgonia.Node) (*gorgonia.Node, error) {
			return gorgonia.Transpose(x, 1, 0)
		}),
		{
			name: "Add, broadcast", dims: [][]int{{3, 4}, {1, 4}},
			ours: func(b *graph.Builder, in []*graph.Value) *graph.Value { return b.Op("Add", nil, in...) },
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) {
				return gorgonia.BroadcastAdd(in[0], in[1], nil, []byte{0})
			},
		},
		{
			name: "Mul, broadcast", dims: [][]int{{3, 1}, {3, 4}},
			ours: func(b *graph.Builder, in []*graph.Value) *graph.Value { return b.Op("Mul", nil, in...) },
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) {
				return gorgonia.BroadcastHadamardProd(in[0], in[1], []byte{1}, nil)
			},
		},
		{
			name: "ReduceSum", dims: [][]int{{2, 3, 4}},
			ours: func(b *graph.Builder, in []*graph.Value) *graph.Value {
				return b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, in[0], b.Ints(1))
			},
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Sum(in[0], 1) },
		},
		{
			name: "ReduceMean", dims: [][]int{{2, 3, 4}},
			ours: func(b *graph.Builder, in []*graph.Value) *graph.Value {
				return b.Op("ReduceMean", graph.Attrs{"keepdims": int64(0)}, in[0], b.Ints(1, 2))
			},
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Mean(in[0], 1, 2) },
		},
		{
			name: "ReduceMax", dims: [][]int{{3, 5}},
			ours: func(b *graph.Builder, in []*graph.Value) *graph.Value {
				return b.Op("ReduceMax", graph.Attrs{"keepdims": int64(0)}, in[0], b.Ints(1))
			},
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Max(in[0], 1) },
		},
		{
			name: "Slice", dims: [][]int{{5, 4}},
			ours: func(b *graph.Builder, in []*graph.Value) *graph.Value {
				return b.Op("Slice", nil, in[0], b.Ints(1), b.Ints(4), b.Ints(0))
			},
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Slice(in[0], gorgonia.S(1, 4)) },
		},
		{
			name: "Reshape", dims: [][]int{{2, 6}},
			ours: func(b *graph.Builder, in []*graph.Value) *graph.Value {
				return b.Op("Reshape", nil, in[0], b.Ints(3, -1))
			},
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Reshape(in[0], tensor.Shape{3, 4}) },
		},
		{
			name: "Concat", dims: [][]int{{2, 3}, {2, 2}},
			ours: func(b *graph.Builder, in []*graph.Value) *graph.Value {
				return b.Op("Concat", graph.Attrs{"axis": int64(1)}, in...)
			},
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Concat(1, in...) },
		},
		{
			name: "MatMul", dims: [][]int{{3, 4}, {4, 5}},
			ours:   func(b *graph.Builder, in []*graph.Value) *graph.Value { return b.Op("MatMul", nil, in...) },
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Mul(in[0], in[1]) },
		},
		{
			name: "MatMul, batched", dims: [][]int{{2, 3, 4}, {2, 4, 5}},
			ours:   func(b *graph.Builder, in []*graph.Value) *graph.Value { return b.Op("MatMul", nil, in...) },
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.BatchedMatMul(in[0], in[1]) },
		},
		{
			name: "Gemm", dims: [][]int{{3, 4}, {4, 5}, {1, 5}},
			ours: func(b *graph.Builder, in []*graph.Value) *graph.Value { return b.Op("Gemm", nil, in...) },
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) {
				return gorgonia.BroadcastAdd(gorgonia.Must(gorgonia.Mul(in[0], in[1])), in[2], nil, []byte{0})
			},
		},
		convTwin("Conv 1x1", 1, 0, 1, 1),
		convTwin("Conv 3x3, padded", 3, 1, 1, 1),
		convTwin("Conv 3x3, strided", 3, 1, 2, 1),
		convTwin("Conv 3x3, dilated", 3, 0, 1, 2),
		{
			name: "MaxPool", dims: [][]int{{2, 3, 6, 6}},
			ours:   func(b *graph.Builder, in []*graph.Value) *graph.Value { return maxPool(b, in[0]) },
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return maxPoolByGorgonia(in[0]) },
		},
		{
			name: "batch norm in training", dims: [][]int{{4, 3, 5, 5}, {3}, {3}},
			ours:   func(b *graph.Builder, in []*graph.Value) *graph.Value { return batchNorm(b, in[0], in[1], in[2]) },
			theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return batchNormByGorgonia(in[0], in[1], in[2]) },
		},
		mlp(),
		convNet(),
	}
}

// mlp is [6,5] → 8 → 3 with cross-entropy.
func mlp() twin {
	return twin{
		name: "MLP with cross-entropy", dims: [][]int{{6, 5}, {5, 8}, {1, 8}, {8, 3}, {1, 3}, {6, 3}}, labels: 1,
		ours: func(b *graph.Builder, in []*graph.Value) *graph.Value {
			h := b.Op("Relu", nil, b.Op("Gemm", nil, in[0], in[1], in[2]))
			return crossEntropy(b, b.Op("Add", nil, b.Op("MatMul", nil, h, in[3]), in[4]), in[5])
		},
		theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) {
			h := gorgonia.Must(gorgonia.BroadcastAdd(gorgonia.Must(gorgonia.Mul(in[0], in[1])), in[2], nil, []byte{0}))
			h = gorgonia.Must(gorgonia.Rectify(h))
			logits := gorgonia.Must(gorgonia.BroadcastAdd(gorgonia.Must(gorgonia.Mul(h, in[3])), in[4], nil, []byte{0}))
			return crossEntropyByGorgonia(logits, in[5])
		},
	}
}

// convNet is [2,3,8,8] → conv, batch norm, relu, max pool → conv, relu → global average → linear, with cross-entropy.
func convNet() twin {
	return twin{
		name: "conv net with cross-entropy", labels: 1,
		dims: [][]int{{2, 3, 8, 8}, {4, 3, 3, 3}, {4}, {4}, {5, 4, 3, 3}, {5, 3}, {2, 3}},
		ours: func(b *graph.Builder, in []*graph.Value) *graph.Value {
			same := graph.Attrs{"pads": []int64{1, 1, 1, 1}}
			h := batchNorm(b, b.Op("Conv", same, in[0], in[1]), in[2], in[3])
			h = maxPool(b, b.Op("Relu", nil, h))
			h = b.Op("Relu", nil, b.Op("Conv", same, h, in[4]))
			h = b.Op("Flatten", nil, b.Op("GlobalAveragePool", nil, h))
			return crossEntropy(b, b.Op("MatMul", nil, h, in[5]), in[6])
		},
		theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) {
			same := func(x, w *gorgonia.Node) *gorgonia.Node {
				return gorgonia.Must(gorgonia.Conv2d(x, w, tensor.Shape{3, 3}, []int{1, 1}, []int{1, 1}, []int{1, 1}))
			}
			h := gorgonia.Must(batchNormByGorgonia(same(in[0], in[1]), in[2], in[3]))
			h = gorgonia.Must(maxPoolByGorgonia(gorgonia.Must(gorgonia.Rectify(h))))
			h = gorgonia.Must(gorgonia.Rectify(same(h, in[4])))
			h = gorgonia.Must(gorgonia.Reshape(h, tensor.Shape{2, 5, 16})) // Sum over two axes of four is wrong in Gorgonia
			h = gorgonia.Must(gorgonia.Mean(h, 2))
			return crossEntropyByGorgonia(gorgonia.Must(gorgonia.Mul(h, in[5])), in[6])
		},
	}
}

// positiveTwin is a function that exists, or is smooth, for positive operands only.
func positiveTwin(c twin) twin {
	c.positive = true
	return c
}

func binaryTwin(name string, f func(x, y *gorgonia.Node) (*gorgonia.Node, error)) twin {
	return twin{
		name: name, dims: [][]int{{3, 4}, {3, 4}},
		ours:   func(b *graph.Builder, in []*graph.Value) *graph.Value { return b.Op(name, nil, in...) },
		theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return f(in[0], in[1]) },
	}
}

func unaryTwin(name string, attrs graph.Attrs, f func(x *gorgonia.Node) (*gorgonia.Node, error)) twin {
	return twin{
		name: name, dims: [][]int{{3, 4}},
		ours:   func(b *graph.Builder, in []*graph.Value) *graph.Value { return b.Op(name, attrs, in...) },
		theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) { return f(in[0]) },
	}
}

// convTwin convolves [2,3,7,7] to 4 channels.
func convTwin(name string, kernel, pad, stride, dilation int) twin {
	k, p, s, d := int64(kernel), int64(pad), int64(stride), int64(dilation)
	attrs := graph.Attrs{"kernel_shape": []int64{k, k}, "pads": []int64{p, p, p, p}, "strides": []int64{s, s},
		"dilations": []int64{d, d}}
	return twin{
		name: name, dims: [][]int{{2, 3, 7, 7}, {4, 3, kernel, kernel}},
		ours: func(b *graph.Builder, in []*graph.Value) *graph.Value { return b.Op("Conv", attrs, in...) },
		theirs: func(in []*gorgonia.Node) (*gorgonia.Node, error) {
			return gorgonia.Conv2d(in[0], in[1], tensor.Shape{kernel, kernel}, []int{pad, pad}, []int{stride, stride},
				[]int{dilation, dilation})
		},
	}
}

func maxPool(b *graph.Builder, x *graph.Value) *graph.Value {
	return b.Op("MaxPool", graph.Attrs{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}, x)
}

func maxPoolByGorgonia(x *gorgonia.Node) (*gorgonia.Node, error) {
	return gorgonia.MaxPool2D(x, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2})
}

const epsilon = 1e-3

func batchNorm(b *graph.Builder, x, scale, bias *graph.Value) *graph.Value {
	running := b.Const("running", graph.FromFloat64(scale.Shape.Sizes(), make([]float64, scale.Shape.Elements())))
	return b.Ops("ildc.BatchNormTrain", 5, graph.Attrs{"epsilon": float32(epsilon)}, x, scale, bias, running, running)[0]
}

func batchNormByGorgonia(x, scale, bias *gorgonia.Node) (*gorgonia.Node, error) {
	perChannel := func(n *gorgonia.Node) *gorgonia.Node {
		return gorgonia.Must(gorgonia.Reshape(n, tensor.Shape{1, n.Shape()[0], 1, 1}))
	}
	y, _, _, _, err := gorgonia.BatchNorm(x, perChannel(scale), perChannel(bias), 0.9, float64(float32(epsilon)))
	return y, err
}

// crossEntropy is −Σ label·log softmax(logits), per sample.
func crossEntropy(b *graph.Builder, logits, labels *graph.Value) *graph.Value {
	terms := b.Op("Mul", nil, b.Op("LogSoftmax", nil, logits), labels)
	return b.Op("Neg", nil, b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, terms, b.Ints(1)))
}

func crossEntropyByGorgonia(logits, labels *gorgonia.Node) (*gorgonia.Node, error) {
	terms, err := gorgonia.HadamardProd(gorgonia.Must(gorgonia.LogSoftMax(logits)), labels)
	if err != nil {
		return nil, err
	}
	return gorgonia.Neg(gorgonia.Must(gorgonia.Sum(terms, 1)))
}

// operands are random and fixed: one-hot labels, numbers in [0.5, 1.5) where they must be positive, else normally
// distributed ones.
func (c twin) operands() []*graph.Tensor {
	random := rand.New(rand.NewSource(1))
	in := make([]*graph.Tensor, len(c.dims))
	for i, dims := range c.dims {
		v := make([]float64, graph.Product(dims))
		classes := dims[len(dims)-1]
		for k := range v {
			switch {
			case i >= len(c.dims)-c.labels:
				if k%classes == k/classes%classes {
					v[k] = 1
				}
			case c.positive:
				v[k] = 0.5 + random.Float64()
			default:
				v[k] = random.NormFloat64()
			}
		}
		in[i] = graph.FromFloat64(dims, v)
	}
	return in
}

func (c twin) differentiate(t *testing.T, in []*graph.Tensor) (value []float64, grads [][]float64) {
	t.Helper()
	g := graph.New(c.name)
	b := op.NewBuilder(g)
	feeds := map[string]*graph.Tensor{}
	var operands []*graph.Value
	for i, x := range in {
		v := b.Input(fmt.Sprintf("x%d", i), x.DType, x.Shape())
		operands, feeds[v.Name] = append(operands, v), x
	}
	y := c.ours(b, operands)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	r := weighting(y.Shape.Elements())
	loss := b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)},
		b.Op("Mul", nil, y, b.Const("r", graph.FromFloat64(y.Shape.Sizes(), r))))
	d, err := pass.Gradient(b, loss, operands[:len(operands)-c.labels])
	if err != nil {
		t.Fatal(err)
	}
	b.Output(append(d, y)...)
	out, err := pass.Eval(g, feeds)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range d {
		grads = append(grads, out[v.Name].Values())
	}
	return out[y.Name].Values(), grads
}

func (c twin) differentiateByGorgonia(t *testing.T, in []*graph.Tensor) (value []float64, grads [][]float64) {
	t.Helper()
	g := gorgonia.NewGraph()
	node := func(name string, dims []int, v []float64) *gorgonia.Node {
		x := tensor.New(tensor.WithShape(dims...), tensor.WithBacking(v))
		return gorgonia.NodeFromAny(g, x, gorgonia.WithName(name))
	}
	var operands []*gorgonia.Node
	for i, x := range in {
		operands = append(operands, node(fmt.Sprintf("x%d", i), x.Dims, x.Values()))
	}
	y, err := c.theirs(operands)
	if err != nil {
		t.Fatal(err)
	}
	r := node("r", y.Shape(), weighting(y.Shape().TotalSize()))
	loss := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.HadamardProd(y, r))))
	d, err := gorgonia.Grad(loss, operands[:len(operands)-c.labels]...)
	if err != nil {
		t.Fatal(err)
	}
	var yValue gorgonia.Value
	gorgonia.Read(y, &yValue)
	values := make([]gorgonia.Value, len(d))
	for i, n := range d {
		gorgonia.Read(n, &values[i])
	}
	machine := gorgonia.NewTapeMachine(g)
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		grads = append(grads, contiguous(t, v))
	}
	return contiguous(t, yValue), grads
}

// contiguous gives the elements of a tensor, which may be a view, in row-major order.
func contiguous(t *testing.T, v gorgonia.Value) []float64 {
	t.Helper()
	x := v.(tensor.Tensor)
	if view, ok := x.(tensor.View); ok && x.RequiresIterator() {
		x = view.Materialize()
	}
	return x.Data().([]float64)
}

// weighting is r: numbers that differ, so that no two errors cancel.
func weighting(n int) []float64 {
	random := rand.New(rand.NewSource(2))
	r := make([]float64, n)
	for i := range r {
		r[i] = random.NormFloat64()
	}
	return r
}

func agree(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, Gorgonia has %d", what, len(got), len(want))
	}
	scale := 1.0
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= gorgoniaTolerance*scale) {
			t.Fatalf("%s: element %d is %v, Gorgonia has %v", what, i, got[i], want[i])
		}
	}
}

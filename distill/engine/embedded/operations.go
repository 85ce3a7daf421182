package embedded

import (
	"github.com/ildc/ildc/distill/engine/embedded/internal/kernel"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// operation is how the engine runs an op.
type operation struct {
	// kernel binds a kernel to a node's memory; it gives nil for a use of the op that it does not cover, which the
	// reference evaluation then computes. nil: the reference computes every use.
	kernel func(c *call) step
	// view: the output is the first input under another shape, and shares its memory.
	view bool
	// inPlace says which inputs' memory the first output may take, where dtype and shape are its own; nil: none.
	inPlace func(input int) bool
}

func every(int) bool { return true }

func only(input int) func(int) bool { return func(i int) bool { return i == input } }

// call is a node with the memory of its inputs (nil where absent) and outputs (nil where not asked for).
type call struct {
	node    *graph.Node
	in, out []*graph.Tensor
}

// step computes a node.
type step func(team *kernel.Team)

type key struct{ domain, op string }

func keyOf(n *graph.Node) key { return key{n.Domain, n.Op} }

// operations has the ops that the engine runs in a way of its own. Gorgonia's ops are not among them: they run on one
// thread and allocate their results, and some are wrong.
var operations = map[key]operation{
	{"", "Conv"}:                     {kernel: conv},
	{"", "ConvTranspose"}:            {kernel: convTranspose},
	{op.Macro, "FusedConv"}:          {kernel: conv, inPlace: only(3)},
	{op.Macro, "ConvGradInput"}:      {kernel: convGradInput},
	{op.Macro, "FusedConvGradInput"}: {kernel: convGradInput, inPlace: only(2)},
	{op.Macro, "ConvGradWeight"}:     {kernel: convGradWeight},
	{"", "MatMul"}:                   {kernel: matMul},
	{"", "Gemm"}:                     {kernel: gemm},
	{"", "MaxPool"}:                  {kernel: maxPool},
	{"", "AveragePool"}:              {kernel: averagePool},
	{"", "GlobalMaxPool"}:            {kernel: globalPool(kernel.FoldMax, false)},
	{"", "GlobalAveragePool"}:        {kernel: globalPool(kernel.FoldSum, true)},
	{op.Macro, "MaxPoolGrad"}:        {kernel: maxPoolGrad},
	{op.Macro, "AveragePoolGrad"}:    {kernel: averagePoolGrad},

	{"", "BatchNormalization"}:        {kernel: batchNorm, inPlace: every},
	{op.Macro, "BatchNormTrain"}:      {kernel: batchNormTrain, inPlace: every},
	{op.Macro, "BatchNormGrad"}:       {kernel: batchNormGrad, inPlace: every},
	{op.Macro, "FusedBatchNormTrain"}: {kernel: batchNormTrain, inPlace: every},
	{op.Macro, "FusedBatchNormGrad"}:  {kernel: batchNormGrad, inPlace: every},
	{op.Macro, "ClampGrad"}:           {kernel: clampGrad, inPlace: every},
	{op.Macro, "MaskGrad"}:            {kernel: maskGrad, inPlace: every},
	{"", "LayerNormalization"}:        {kernel: layerNorm, inPlace: every},
	{"", "Softmax"}:                   {kernel: softmax(false), inPlace: every},
	{"", "LogSoftmax"}:                {kernel: softmax(true), inPlace: every},

	{"", "Add"}:  {kernel: binary(&kernel.Add), inPlace: every},
	{"", "Sub"}:  {kernel: binary(&kernel.Sub), inPlace: every},
	{"", "Mul"}:  {kernel: binary(&kernel.Mul), inPlace: every},
	{"", "Div"}:  {kernel: binary(&kernel.Div), inPlace: every},
	{"", "Pow"}:  {kernel: binary(&kernel.Pow), inPlace: every},
	{"", "Max"}:  {kernel: variadic(&kernel.Max, false)},
	{"", "Min"}:  {kernel: variadic(&kernel.Min, false)},
	{"", "Sum"}:  {kernel: variadic(&kernel.Add, false)},
	{"", "Mean"}: {kernel: variadic(&kernel.Add, true)},

	{"", "Equal"}:          {kernel: binary(&kernel.Equal)},
	{"", "Less"}:           {kernel: binary(&kernel.Less)},
	{"", "LessOrEqual"}:    {kernel: binary(&kernel.LessOrEqual)},
	{"", "Greater"}:        {kernel: binary(&kernel.Greater)},
	{"", "GreaterOrEqual"}: {kernel: binary(&kernel.GreaterOrEqual)},
	{"", "And"}:            {kernel: binary(&kernel.And), inPlace: every},
	{"", "Or"}:             {kernel: binary(&kernel.Or), inPlace: every},
	{"", "Where"}:          {kernel: where, inPlace: every},

	{"", "Relu"}:       {kernel: unary(func(*call) kernel.Unary { return kernel.Relu }), inPlace: every},
	{"", "PRelu"}:      {kernel: binary(&kernel.PRelu), inPlace: every},
	{"", "LeakyRelu"}:  {kernel: unary(leakyRelu), inPlace: every},
	{"", "Clip"}:       {kernel: unary(clip), inPlace: every},
	{"", "Neg"}:        {kernel: unary(func(*call) kernel.Unary { return kernel.Neg }), inPlace: every},
	{"", "Abs"}:        {kernel: unary(func(*call) kernel.Unary { return kernel.Abs }), inPlace: every},
	{"", "Sqrt"}:       {kernel: unary(func(*call) kernel.Unary { return kernel.Sqrt }), inPlace: every},
	{"", "Reciprocal"}: {kernel: unary(func(*call) kernel.Unary { return kernel.Reciprocal }), inPlace: every},
	{"", "Not"}:        {kernel: not, inPlace: every},
	{"", "Cast"}:       {kernel: cast},

	{"", "ReduceSum"}:       {kernel: reduction(kernel.FoldSum, false)},
	{"", "ReduceMean"}:      {kernel: reduction(kernel.FoldSum, true)},
	{"", "ReduceMax"}:       {kernel: reduction(kernel.FoldMax, false)},
	{"", "ReduceMin"}:       {kernel: reduction(kernel.FoldMin, false)},
	{"", "ReduceSumSquare"}: {kernel: sumOfSquares},
	{"", "ReduceL2"}:        {kernel: norm2},
	{"", "ReduceProd"}:      {kernel: reduction(kernel.FoldProduct, false)},

	{"", "Identity"}:  {view: true},
	{"", "Dropout"}:   {view: true},
	{"", "Reshape"}:   {view: true},
	{"", "Flatten"}:   {view: true},
	{"", "Squeeze"}:   {view: true},
	{"", "Unsqueeze"}: {view: true},

	{"", "Transpose"}: {kernel: transpose},
	{"", "Expand"}:    {kernel: expand},
	{"", "Concat"}:    {kernel: concat},
	{"", "Split"}:     {kernel: split},
	{"", "Slice"}:     {kernel: slice},
	{"", "Pad"}:       {kernel: pad},
	{"", "Gather"}:    {kernel: gather},
	{"", "Tile"}:      {kernel: tile},
}

// operationOf is how the engine runs a node.
func operationOf(n *graph.Node) operation {
	o, ok := operations[keyOf(n)]
	if s := op.Of(n); !ok && s != nil && s.Scalar != nil {
		return operation{kernel: unary(scalar), inPlace: every}
	}
	return o
}

// floats says whether all that the node reads and gives is float32.
func (c *call) floats() bool {
	for _, ts := range [][]*graph.Tensor{c.in, c.out} {
		for _, t := range ts {
			if t != nil && t.DType != graph.Float32 {
				return false
			}
		}
	}
	return true
}

// input gives the elements of a float32 input, nil where it is absent.
func (c *call) input(i int) []float32 {
	if i >= len(c.in) || c.in[i] == nil {
		return nil
	}
	return c.in[i].Float32s()
}

// output gives the elements of a float32 output, or of memory nobody reads where it is not asked for.
func (c *call) output(i, elements int) []float32 {
	if i >= len(c.out) || c.out[i] == nil {
		return make([]float32, elements)
	}
	return c.out[i].Float32s()
}

// constants gives the elements of an integer input that is an initializer; nil where it is absent, ok is false where
// it is computed.
func (c *call) constants(i int) (v []int64, ok bool) {
	in := c.node.Input(i)
	if in == nil {
		return nil, true
	}
	if in.Const == nil {
		return nil, false
	}
	return in.Const.Int64s(), true
}

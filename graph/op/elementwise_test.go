package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestElementwiseEval(t *testing.T) {
	x, row := f32([]int{2, 2}, 1, 2, 3, 4), vector(10, 20)
	column := f32([]int{2, 1}, 1, 2)
	checkEvals(t, []evalCase{
		{"Add", "Add", nil, one(x, row), one(f32([]int{2, 2}, 11, 22, 13, 24))},
		{"Sub", "Sub", nil, one(x, column), one(f32([]int{2, 2}, 0, 1, 1, 2))},
		{"Mul, both broadcast", "Mul", nil, one(column, row), one(f32([]int{2, 2}, 10, 20, 20, 40))},
		{"Div", "Div", nil, one(row, x), one(f32([]int{2, 2}, 10, 10, 10./3, 5))},
		{"Div of integers truncates toward zero", "Div", nil, one(graph.Ints(-7, 7), graph.Ints(2)), one(graph.Ints(-3, 3))},
		{"Pow by an integer", "Pow", nil, one(row, graph.Ints(2)), one(vector(100, 400))},
		{"Add of scalars", "Add", nil, one(f32(nil, 1), f32(nil, 2)), one(f32(nil, 3))},
		{"Sum", "Sum", nil, one(x, row, column), one(f32([]int{2, 2}, 12, 23, 15, 26))},
		{"Mean", "Mean", nil, one(x, row, column), one(f32([]int{2, 2}, 4, 23./3, 5, 26./3))},
		{"Max", "Max", nil, one(x, column, vector(0, 3)), one(f32([]int{2, 2}, 1, 3, 3, 4))},
		{"Min of one", "Min", nil, one(x), one(x)},
		{"Equal", "Equal", nil, one(x, vector(1, 4)), one(bools([]int{2, 2}, true, false, false, true))},
		{"Less", "Less", nil, one(vector(1, 2, 3), vector(2)), one(bools([]int{3}, true, false, false))},
		{"LessOrEqual", "LessOrEqual", nil, one(vector(1, 2, 3), vector(2)), one(bools([]int{3}, true, true, false))},
		{"Greater", "Greater", nil, one(vector(1, 2, 3), vector(2)), one(bools([]int{3}, false, false, true))},
		{"GreaterOrEqual", "GreaterOrEqual", nil, one(vector(1, 2, 3), vector(2)), one(bools([]int{3}, false, true, true))},
		{"And", "And", nil, one(bools([]int{2}, true, false), bools([]int{1}, true)), one(bools([]int{2}, true, false))},
		{"Or", "Or", nil, one(bools([]int{2}, true, false), bools([]int{1}, true)), one(bools([]int{2}, true, true))},
		{"Where", "Where", nil, one(bools([]int{2, 1}, true, false), row, x), one(f32([]int{2, 2}, 10, 20, 3, 4))},
	})
}

func TestElementwiseShape(t *testing.T) {
	checkInfers(t, []inferCase{
		{"a symbol beside 1", "Add", nil, values(fed("N,1,4"), fed("3,1")), "[N,3,4]", nil},
		{"a symbol beside a size", "Mul", nil, values(fed("N,4"), fed("5,1")), "[5,4]", nil},
		{"the same symbol", "Sub", nil, values(fed("N,4"), fed("N,1")), "[N,4]", nil},
		{"two symbols", "Add", nil, values(fed("N"), fed("M")), "[?]", nil},
		{"unknown rank", "Add", nil, values(unranked, fed("3")), "[?…]", nil},
		{"extents that do not fit", "Add", nil, values(fed("2"), fed("3")), "", op.ErrMalformed},
		{"an absent operand", "Sum", nil, values(fed("2"), nil), "", op.ErrMalformed},
		{"arithmetic of shapes", "Mul", nil, values(extents("2,3"), extents("4")), "[2]=[8,12]", nil},
		{"a comparison of shapes: no extent is negative", "Equal", nil, values(extents("N,-1,3"), extents("-1")),
			"[3]=[0,1,0]", nil},
		{"a comparison that depends on an extent", "Equal", nil, values(extents("N,3"), extents("3")), "[2]", nil},
		{"a choice of shapes", "Where", nil, values(fixed(bools([]int{2}, true, false)), extents("1"), extents("N,3")),
			"[2]=[1,3]", nil},
		{"a choice of features", "Where", nil, values(fixed(bools([]int{1}, true)), fed("N,3"), fed("3")), "[N,3]", nil},
	})
}

// Exporters write x.expand(-1, 3) as Expand(x, Where(Equal(shape, −1), ones, shape)).
func TestExportersExpand(t *testing.T) {
	b := op.NewBuilder(graph.New("expand"))
	x := b.Input("x", graph.Float32, dims("N,1"))
	rows := b.Op("Gather", nil, b.Op("Shape", nil, x), b.Ints(0))
	want := b.Op("Concat", graph.Attrs{"axis": int64(0)}, rows, b.Ints(3))
	ones := b.Op("ConstantOfShape", graph.Attrs{"value": graph.Ints(1)}, b.Op("Shape", nil, want))
	is := b.Op("Equal", nil, want, b.Op("Mul", nil, ones, b.Ints(-1)))
	y := b.Op("Expand", nil, x, b.Op("Where", nil, is, ones, want))
	if b.Err() != nil || y.Shape.String() != "[N,3]" {
		t.Errorf("shape %v, %v", y.Shape, b.Err())
	}
}

func TestElementwiseUpgrade(t *testing.T) {
	x := counting(0, 2, 2, 2)
	checkUpgrades(t, []upgradeCase{
		{"aligned to an axis", 6, "Add", graph.Attrs{"broadcast": int64(1), "axis": int64(1)}, one(x, vector(10, 20)),
			one(f32([]int{2, 2, 2}, 10, 11, 22, 23, 14, 15, 26, 27))},
		{"aligned to the first axes", 6, "Mul", graph.Attrs{"broadcast": int64(1), "axis": int64(0)},
			one(x, f32([]int{2, 2}, 1, 2, 3, 4)),
			one(f32([]int{2, 2, 2}, 0, 1, 4, 6, 12, 15, 24, 28))},
		{"aligned to the last axis", 6, "Sub", graph.Attrs{"broadcast": int64(1)}, one(x, vector(0, 1)),
			one(f32([]int{2, 2, 2}, 0, 0, 2, 2, 4, 4, 6, 6))},
		{"a comparison", 6, "Less", graph.Attrs{"broadcast": int64(1), "axis": int64(1)}, one(x, vector(1, 6)),
			one(bools([]int{2, 2, 2}, true, false, true, true, false, false, false, false))},
		{"equal shapes", 6, "Max", nil, one(vector(1, 2), vector(2, 1)), one(vector(2, 2))},
	})
}

// Pow's operands may differ in dtype; the gradient is of the base's.
func TestPowGradByIntegerExponent(t *testing.T) {
	checkGrads(t, []gradCase{{name: "Pow", op: "Pow", in: one(random(1, 2, 3), graph.Ints(3))}})
}

// Of equal operands the first has the gradient.
func TestMaxGradTies(t *testing.T) {
	in := one(vector(1, 2, 2), vector(2, 2, 1), vector(2, 2, 2))
	checkGradValues(t, "Max", "Max", nil, in, [][]float64{{0, 1, 1}, {1, 0, 0}, {0, 0, 0}})
	checkGradValues(t, "Min", "Min", nil, in, [][]float64{{1, 1, 0}, {0, 0, 1}, {0, 0, 0}})
}

func TestBroadcastChannels(t *testing.T) {
	checkChannels(t, []channelCase{
		{name: "residual", op: "Add", inputs: 2, source: "x.1", in: []graph.Shape{graph.Dims(1, 2, 3), graph.Dims(1, 2, 3)},
			want: "x.0:n w.0:n y.0:n x.1:AB w.1:AB y.1:AB x.2:cde w.2:cde y.2:cde"},
		{name: "a constant along channels", op: "Mul", inputs: 1, source: "x.1",
			in:   []graph.Shape{graph.Dims(1, 2, 3), graph.Dims(2, 1)},
			want: "x.0:n y.0:n x.1:AB w.0:AB y.1:AB x.2:cde y.2:cde"},
		{name: "one channel broadcast over many", op: "Mul", inputs: 2, source: "x.1 w.1",
			in:   []graph.Shape{graph.Dims(1, 2), graph.Dims(1, 1)},
			want: "x.0:n w.0:n y.0:n x.1:AB y.1:AB w.1:c"},
		{name: "PRelu", op: "PRelu", inputs: 1, source: "x.1", in: []graph.Shape{graph.Dims(1, 2, 3), graph.Dims(2, 1)},
			want: "x.0:n y.0:n x.1:AB w.0:AB y.1:AB x.2:cde y.2:cde"},
		{name: "symbolic batch", op: "Add", inputs: 2, source: "x.1", in: []graph.Shape{dims("N,2"), dims("N,2")},
			want: "x.1:AB w.1:AB y.1:AB"},
	})
}

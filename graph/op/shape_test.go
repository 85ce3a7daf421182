package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestShapeEval(t *testing.T) {
	x := counting(0, 2, 3, 4)
	scalarInt := func(v int64) *graph.Tensor { return graph.FromInt64(nil, []int64{v}) }
	checkEvals(t, []evalCase{
		{"Shape", "Shape", nil, one(x), one(graph.Ints(2, 3, 4))},
		{"Shape from start to end", "Shape", graph.Attrs{"start": int64(-2), "end": int64(2)}, one(x), one(graph.Ints(3))},
		{"Shape of a scalar", "Shape", nil, one(f32(nil, 1)), one(graph.Ints())},
		{"Size", "Size", nil, one(x), one(scalarInt(24))},
		{"Constant", "Constant", graph.Attrs{"value": x}, nil, one(x)},
		{"value_int", "Constant", graph.Attrs{"value_int": int64(3)}, nil, one(scalarInt(3))},
		{"value_ints", "Constant", graph.Attrs{"value_ints": []int64{1, 2}}, nil, one(graph.Ints(1, 2))},
		{"value_float", "Constant", graph.Attrs{"value_float": float32(0.5)}, nil, one(f32(nil, 0.5))},
		{"value_floats", "Constant", graph.Attrs{"value_floats": []float32{1, 2}}, nil, one(vector(1, 2))},
		{"ConstantOfShape", "ConstantOfShape", nil, one(graph.Ints(2, 1)), one(filled(0, 2, 1))},
		{"ConstantOfShape of a value", "ConstantOfShape", graph.Attrs{"value": graph.Ints(7)}, one(graph.Ints(2)),
			one(graph.Ints(7, 7))},
		{"Range", "Range", nil, one(scalarInt(1), scalarInt(8), scalarInt(3)), one(graph.Ints(1, 4, 7))},
		{"Range downwards", "Range", nil, one(f32(nil, 1), f32(nil, 0), f32(nil, -0.5)), one(vector(1, 0.5))},
		{"Range of nothing", "Range", nil, one(scalarInt(3), scalarInt(1), scalarInt(1)), one(graph.Ints())},
		{"Reshape", "Reshape", nil, one(x, graph.Ints(0, -1, 2)), one(counting(0, 2, 6, 2))},
		{"Reshape to a scalar", "Reshape", nil, one(vector(3), graph.Ints()), one(f32(nil, 3))},
		{"Reshape of nothing", "Reshape", graph.Attrs{"allowzero": int64(1)}, one(f32([]int{0, 3}), graph.Ints(3, 0)),
			one(f32([]int{3, 0}))},
		{"Flatten", "Flatten", nil, one(x), one(counting(0, 2, 12))},
		{"Flatten behind all axes", "Flatten", graph.Attrs{"axis": int64(3)}, one(x), one(counting(0, 24, 1))},
		{"Flatten before all axes", "Flatten", graph.Attrs{"axis": int64(-3)}, one(x), one(counting(0, 1, 24))},
		{"Squeeze", "Squeeze", nil, one(counting(0, 1, 2, 1), graph.Ints(-1)), one(counting(0, 1, 2))},
		{"Squeeze all", "Squeeze", nil, one(counting(0, 1, 2, 1)), one(counting(0, 2))},
		{"Unsqueeze", "Unsqueeze", nil, one(vector(1, 2), graph.Ints(-1, 0)), one(f32([]int{1, 2, 1}, 1, 2))},
	})
}

func TestShapeShape(t *testing.T) {
	attr := func(name string, v any) graph.Attrs { return graph.Attrs{name: v} }
	checkInfers(t, []inferCase{
		{"Shape", "Shape", nil, values(fed("N,3,H")), "[3]=[N,3,H]", nil},
		{"Shape of a part", "Shape", attr("start", int64(-1)), values(fed("N,3,H")), "[1]=[H]", nil},
		{"Shape beyond the end", "Shape", attr("start", int64(9)), values(fed("N,3,H")), "[0]=[]", nil},
		{"Shape of an unknown rank", "Shape", nil, values(unranked), "[?]", nil},
		{"Size", "Size", nil, values(fed("1,N")), "[]=[N]", nil},
		{"a constant of strings", "Constant", attr("value_strings", []string{"a", "b"}), nil, "[2]", nil},
		{"a sparse constant", "Constant", attr("sparse_value", graph.Opaque{}), nil, "[?…]", nil},
		{"ConstantOfShape", "ConstantOfShape", nil, values(extents("N,3")), "[N,3]", nil},
		{"ConstantOfShape, its elements known", "ConstantOfShape", attr("value", graph.Ints(1)), values(extents("2")),
			"[2]=[1,1]", nil},
		{"ConstantOfShape of a negative extent", "ConstantOfShape", nil, values(extents("-2")), "", op.ErrMalformed},
		{"ConstantOfShape of too much", "ConstantOfShape", nil, values(extents("1000000000,1000000000")), "",
			op.ErrMalformed},
		{"Range", "Range", nil, values(fixedInts(0), fixedInts(6), fixedInts(2)), "[3]=[0,2,4]", nil},
		{"Range to what is not known", "Range", nil, values(fixedInts(0), unknownInts, fixedInts(2)), "[?]", nil},
		{"Range without steps", "Range", nil, values(fixedInts(0), fixedInts(6), fixedInts(0)), "", op.ErrMalformed},
	})
}

func TestReshapeShape(t *testing.T) {
	x := fed("N,4,6")
	checkInfers(t, []inferCase{
		{"a symbol copied", "Reshape", nil, values(x, fixedInts(0, -1)), "[N,24]", nil},
		{"a symbol left over", "Reshape", nil, values(x, fixedInts(-1, 24)), "[N,24]", nil},
		{"a symbol read from the shape", "Reshape", nil, values(x, extents("N,-1")), "[N,24]", nil},
		{"a symbol times a number left over", "Reshape", nil, values(x, fixedInts(-1, 6)), "[?,6]", nil},
		{"zero taken literally", "Reshape", graph.Attrs{"allowzero": int64(1)}, values(fed("0,2"), fixedInts(5, 0)), "[5,0]",
			nil},
		{"a target of which the rank is known", "Reshape", nil,
			values(x, &graph.Value{DType: graph.Int64, Shape: graph.Dims(2)}), "[?,?]", nil},
		{"an unknown target", "Reshape", nil, values(x, unknownInts), "[?…]", nil},
		{"an unknown rank", "Reshape", nil, values(unranked, fixedInts(0, -1, 3)), "[?,?,3]", nil},
		{"elements kept", "Reshape", nil, values(extents("N"), fixedInts()), "[]=[N]", nil},
		{"elements that do not fit", "Reshape", nil, values(fed("4,6"), fixedInts(5, -1)), "", op.ErrMalformed},
		{"two extents left over", "Reshape", nil, values(x, fixedInts(-1, -1)), "", op.ErrMalformed},
		{"a copy of an axis that is not there", "Reshape", nil, values(fed("4,6"), fixedInts(4, 6, 0)), "", op.ErrMalformed},
		{"a negative extent", "Reshape", nil, values(fed("4,6"), fixedInts(-4, 6)), "", op.ErrMalformed},
		{"Flatten", "Flatten", nil, values(x), "[N,24]", nil},
		{"Flatten a symbol and others", "Flatten", graph.Attrs{"axis": int64(2)}, values(x), "[?,6]", nil},
		{"Flatten an unknown rank", "Flatten", nil, values(unranked), "[?,?]", nil},
		{"Flatten at an axis that is not there", "Flatten", graph.Attrs{"axis": int64(4)}, values(x), "", op.ErrMalformed},
		{"Squeeze", "Squeeze", nil, values(fed("N,1,1"), fixedInts(1, -1)), "[N]", nil},
		{"Squeeze a symbol", "Squeeze", nil, values(fed("N,M"), fixedInts(1)), "[N]", nil},
		{"Squeeze what is 1, which a symbol may be", "Squeeze", nil, values(fed("N,1")), "[?…]", nil},
		{"Squeeze more than 1", "Squeeze", nil, values(fed("N,2"), fixedInts(1)), "", op.ErrMalformed},
		{"Squeeze elements", "Squeeze", nil, values(extents("N"), fixedInts(0)), "[]=[N]", nil},
		{"Unsqueeze", "Unsqueeze", nil, values(fed("N,3"), fixedInts(0, -1)), "[1,N,3,1]", nil},
		{"Unsqueeze elements", "Unsqueeze", nil, values(&graph.Value{DType: graph.Int64, Shape: graph.Shape{},
			Elems: dims("N")}, fixedInts(0)), "[1]=[N]", nil},
		{"Unsqueeze twice at one axis", "Unsqueeze", nil, values(fed("N"), fixedInts(0, 0)), "", op.ErrMalformed},
	})
}

func TestReshapeUpgrade(t *testing.T) {
	axes := graph.Attrs{"axes": []int64{0, 2}}
	checkUpgrades(t, []upgradeCase{
		{"Squeeze", 11, "Squeeze", axes, one(counting(0, 1, 2, 1)), one(counting(0, 2))},
		{"Squeeze all", 6, "Squeeze", nil, one(counting(0, 1, 2, 1)), one(counting(0, 2))},
		{"Unsqueeze", 6, "Unsqueeze", axes, one(counting(0, 2)), one(counting(0, 1, 2, 1))},
		{"Reshape", 6, "Reshape", nil, one(counting(0, 2, 2), graph.Ints(-1)), one(counting(0, 4))},
	})
}

// What a Reshape, Flatten, Squeeze or Unsqueeze does with channels: sizes say which elements of a written target
// follow.
func TestRegroupChannels(t *testing.T) {
	shape := func(dims ...int) []graph.Shape { return []graph.Shape{graph.Dims(dims...)} }
	to := func(v ...int64) []*graph.Tensor { return one(graph.Ints(v...)) }
	checkChannels(t, []channelCase{
		{name: "maps flattened, batch written", op: "Reshape", inputs: 1, in: shape(1, 2, 3), more: to(1, 6), source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.1:AAABBB", sizes: "k[0]=Reshape.0/1 k[1]=Reshape.1/1"},
		{name: "maps flattened, nothing written", op: "Reshape", inputs: 1, in: shape(1, 2, 3), more: to(0, -1),
			source: "x.1",
			want:   "x.0:n y.0:n x.1:AB y.1:AAABBB"},
		{name: "maps flattened to a vector", op: "Reshape", inputs: 1, in: shape(1, 2, 3), more: to(-1), source: "x.1",
			want: "x.1:AB y.0:AAABBB"},
		{name: "symbolic batch", op: "Reshape", inputs: 1, in: []graph.Shape{dims("N,2,3")}, more: to(-1, 6), source: "x.1",
			want: "x.1:AB y.1:AAABBB", sizes: "k[1]=Reshape.1/1"},
		{name: "channels last", op: "Flatten", inputs: 1, in: shape(1, 2, 2), source: "x.2",
			want: "x.0:n y.0:n x.2:AB y.1:ABAB"},
		{name: "space flattened, channels kept", op: "Reshape", inputs: 1, in: shape(1, 2, 2, 2), more: to(1, 2, 4),
			source: "x.1",
			want:   "x.0:n y.0:n x.1:AB y.1:AB", sizes: "k[0]=Reshape.0/1 k[1]=Reshape.1/1"},
		{name: "pooled maps", op: "Reshape", inputs: 1, in: shape(1, 2, 1, 1), more: to(1, 2), source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.1:AB", sizes: "k[0]=Reshape.0/1 k[1]=Reshape.1/1"},
		{name: "channels of two axes merged", op: "Reshape", inputs: 1, in: shape(1, 2, 2), more: to(1, 4), source: "x.1 x.2",
			want: "x.0:n y.0:n", sizes: "k[0]=Reshape.0/1"},
		{name: "shuffled channels split", op: "Reshape", inputs: 1, in: shape(1, 4, 3), more: to(1, 2, 2, 3), source: "x.1",
			want: "x.0:n y.0:n x.1:ABAB y.2:AB x.2:cde y.3:cde", sizes: "k[0]=Reshape.0/1 k[2]=Reshape.2/1 k[3]=Reshape.3/1"},
		{name: "shuffled channels merged", op: "Reshape", inputs: 1, in: shape(1, 2, 3, 1), more: to(1, 6, 1), source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.1:AAABBB x.3:m y.2:m", sizes: "k[0]=Reshape.0/1 k[1]=Reshape.1/1 k[2]=Reshape.2/1"},
		{name: "heads split", op: "Reshape", inputs: 1, in: shape(1, 3, 4), more: to(1, 3, 2, 2), source: "x.2",
			want: "x.0:n y.0:n x.1:cde y.1:cde x.2:AABB y.2:AB", sizes: "k[0]=Reshape.0/1 k[1]=Reshape.1/1 k[2]=Reshape.2/1"},
		{name: "a vector made maps", op: "Reshape", inputs: 1, in: shape(1, 6), more: to(1, 2, 3, 1), source: "x.1",
			want: "x.0:n y.0:n x.1:AAABBB y.1:AB", sizes: "k[0]=Reshape.0/1 k[1]=Reshape.1/1"},
		{name: "regrouped across axes", op: "Reshape", inputs: 1, in: shape(1, 2, 6), more: to(1, 3, 4), source: "x.1",
			want: "x.0:n y.0:n", sizes: "k[0]=Reshape.0/1"},
		{name: "Squeeze", op: "Squeeze", inputs: 1, in: shape(1, 2, 1), more: to(2), source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.1:AB"},
		{name: "Unsqueeze", op: "Unsqueeze", inputs: 1, in: shape(1, 2), more: to(2, 3), source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.1:AB"},
		{name: "ConstantOfShape", op: "ConstantOfShape", more: to(1, 2), want: "y.0:n y.1:ab",
			sizes: "k[0]=ConstantOfShape.0/1 k[1]=ConstantOfShape.1/1"},
		{name: "Dropout with its mask", op: "Dropout", inputs: 1, in: shape(1, 2), source: "x.1", outputs: 2,
			want: "x.0:n y.0:n y'.0:n x.1:AB y.1:AB y'.1:AB"},
		{name: "Shape", op: "Shape", inputs: 1, in: shape(1, 2), source: "x.1", want: "x.0:n x.1:AB"},
	})
}

// Parts are told apart by a constant of any length: an optimiser splits its vector into hundreds.
func TestSplitIntoMany(t *testing.T) {
	b := op.NewBuilder(graph.New("split"))
	sizes := make([]int64, 300)
	total := 0
	for i := range sizes {
		sizes[i] = int64(i % 7)
		total += i % 7
	}
	parts := b.Ops("Split", len(sizes), graph.Attrs{"axis": int64(0)}, b.Input("x", graph.Float32, graph.Dims(total)),
		b.Ints(sizes...))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	for i, v := range parts {
		if !v.Shape.Equal(graph.Dims(int(sizes[i]))) {
			t.Fatalf("part %d is %v, want [%d]", i, v.Shape, sizes[i])
		}
	}
}

package op_test

import (
	"math"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestMovementGradients(t *testing.T) {
	x := random(1, 2, 5, 4)
	checkGrads(t, []gradCase{
		{name: "Reshape", op: "Reshape", in: one(x, graph.Ints(0, -1))},
		{name: "Flatten", op: "Flatten", attrs: graph.Attrs{"axis": int64(2)}, in: one(x)},
		{name: "Squeeze", op: "Squeeze", in: one(random(2, 3, 1, 2), graph.Ints(1))},
		{name: "Unsqueeze", op: "Unsqueeze", in: one(x, graph.Ints(0, -1))},
		{name: "Transpose", op: "Transpose", attrs: graph.Attrs{"perm": []int64{2, 0, 1}}, in: one(x)},
		{name: "Expand", op: "Expand", in: one(random(3, 5, 1), graph.Ints(2, 1, 4))},
		{name: "Concat", op: "Concat", attrs: graph.Attrs{"axis": int64(1)}, in: one(x, random(4, 2, 1, 4))},
		{name: "Slice", op: "Slice", in: one(x, graph.Ints(1), graph.Ints(-1), graph.Ints(1))},
		{name: "Slice in steps", op: "Slice", in: one(x, graph.Ints(0, 0), graph.Ints(1<<40, 3), graph.Ints(1, 2),
			graph.Ints(2, 2))},
		{name: "Slice backwards", op: "Slice", in: one(x, graph.Ints(-1), graph.Ints(-1<<40), graph.Ints(1), graph.Ints(-3))},
		{name: "Pad", op: "Pad", in: one(x, graph.Ints(0, 1, 2, 0, 0, 1))},
		{name: "Pad that crops", op: "Pad", in: one(x, graph.Ints(0, -1, 0, 0, 1, 0))},
		{name: "Split", op: "Split", attrs: graph.Attrs{"axis": int64(1)}, in: one(x, graph.Ints(2, 3)), outputs: 2},
		{name: "Split, one part used", op: "Split", attrs: graph.Attrs{"axis": int64(2)}, in: one(x), outputs: 2, counted: 1},
		{name: "Slice of nothing", op: "Slice", in: one(x, graph.Ints(3), graph.Ints(2), graph.Ints(1))},
		{name: "Slice with one position in large steps", op: "Slice", in: one(x, graph.Ints(1), graph.Ints(5), graph.Ints(1),
			graph.Ints(100))},
		{name: "Tile", op: "Tile", in: one(random(5, 2, 3), graph.Ints(3, 2))},
		{name: "Pad of some axes", op: "Pad", in: one(x, graph.Ints(1, 2), graph.Scalar(graph.Float64, 5), graph.Ints(-1)),
			fixed: 3},
		{name: "GatherElements", op: "GatherElements", attrs: graph.Attrs{"axis": int64(1)},
			in: one(random(7, 3, 4), graph.FromInt64([]int{2, 2}, []int64{0, 0, 1, -1}))},
		{name: "GatherND", op: "GatherND", in: one(x, graph.FromInt64([]int{3, 1}, []int64{0, -1, 0}))},
		{name: "ScatterElements", op: "ScatterElements", attrs: graph.Attrs{"axis": int64(1)},
			in: one(random(7, 3, 4), graph.FromInt64([]int{2, 2}, []int64{0, 1, 2, -1}), random(9, 2, 2))},
		{name: "ScatterElements adding", op: "ScatterElements", attrs: graph.Attrs{"reduction": "add"},
			in: one(random(7, 3, 4), graph.FromInt64([]int{2, 2}, []int64{0, 1, 0, 1}), random(9, 2, 2))},
		{name: "ScatterND", op: "ScatterND", in: one(random(8, 4, 3), graph.FromInt64([]int{2, 1}, []int64{2, 0}),
			random(9, 2, 3))},
		{name: "TopK", op: "TopK", attrs: graph.Attrs{"axis": int64(1)}, in: one(x, graph.Ints(2)), outputs: 2},
		{name: "CumSum", op: "CumSum", in: one(x, graph.Scalar(graph.Int64, 1))},
		{name: "CumSum from the end, exclusive", op: "CumSum", attrs: graph.Attrs{"reverse": int64(1),
			"exclusive": int64(1)}, in: one(x, graph.Scalar(graph.Int64, 0))},
		{name: "Trilu", op: "Trilu", in: one(random(8, 2, 3, 3), graph.Scalar(graph.Int64, 1))},
		{name: "Trilu, the lower", op: "Trilu", attrs: graph.Attrs{"upper": int64(0)}, in: one(random(8, 3, 4))},
		{name: "DepthToSpace", op: "DepthToSpace", attrs: graph.Attrs{"blocksize": int64(2)}, in: one(random(8, 2, 8, 2, 3))},
		{name: "SpaceToDepth", op: "SpaceToDepth", attrs: graph.Attrs{"blocksize": int64(2)}, in: one(random(8, 1, 2, 4, 2))},
		{name: "Gather of one", op: "Gather", in: one(x, graph.Scalar(graph.Int64, 1))},
		{name: "Gather", op: "Gather", attrs: graph.Attrs{"axis": int64(1)},
			in: one(x, graph.FromInt64([]int{2, 2}, []int64{0, 4, 0, -2}))},
	})
}

func TestMovementEval(t *testing.T) {
	x := counting(0, 2, 3)
	axis := func(a int64) graph.Attrs { return graph.Attrs{"axis": a} }
	mode := func(m string) graph.Attrs { return graph.Attrs{"mode": m} }
	index := func(dims []int, v ...int64) *graph.Tensor { return graph.FromInt64(dims, v) }
	words := &graph.Tensor{DType: graph.String, Dims: []int{2}, Data: []string{"a", "b"}}
	checkEvals(t, []evalCase{
		{"Concat", "Concat", axis(0), one(x, vector(7, 8, 9).Reshaped(1, 3)),
			one(f32([]int{3, 3}, 0, 1, 2, 3, 4, 5, 7, 8, 9))},
		{"Concat along the last axis", "Concat", axis(-1), one(x, f32([]int{2, 1}, 7, 8)),
			one(f32([]int{2, 4}, 0, 1, 2, 7, 3, 4, 5, 8))},
		{"Split", "Split", axis(1), one(x, graph.Ints(1, 2)),
			[]*graph.Tensor{f32([]int{2, 1}, 0, 3), f32([]int{2, 2}, 1, 2, 4, 5)}},
		{"Split evenly", "Split", nil, one(x), []*graph.Tensor{counting(0, 1, 3), counting(3, 1, 3)}},
		{"Split with a smaller rest", "Split", graph.Attrs{"axis": int64(1), "num_outputs": int64(2)}, one(x),
			[]*graph.Tensor{f32([]int{2, 2}, 0, 1, 3, 4), f32([]int{2, 1}, 2, 5)}},
		{"Slice", "Slice", nil, one(x, graph.Ints(1), graph.Ints(math.MaxInt64), graph.Ints(-1)),
			one(f32([]int{2, 2}, 1, 2, 4, 5))},
		{"Slice of leading axes", "Slice", nil, one(x, graph.Ints(1, 0), graph.Ints(2, -1)), one(f32([]int{1, 2}, 3, 4))},
		{"Slice in steps", "Slice", nil, one(counting(0, 6), graph.Ints(1), graph.Ints(6), graph.Ints(0), graph.Ints(2)),
			one(vector(1, 3, 5))},
		{"Slice backwards", "Slice", nil, one(counting(0, 6), graph.Ints(-1), graph.Ints(math.MinInt64), graph.Ints(0),
			graph.Ints(-2)), one(vector(5, 3, 1))},
		{"Slice of nothing", "Slice", nil, one(counting(0, 6), graph.Ints(4), graph.Ints(2)), one(f32([]int{0}))},
		{"Pad", "Pad", nil, one(x, graph.Ints(0, 1, 1, 0), f32(nil, 9)),
			one(f32([]int{3, 4}, 9, 0, 1, 2, 9, 3, 4, 5, 9, 9, 9, 9))},
		{"Pad that crops", "Pad", nil, one(x, graph.Ints(0, -1, 0, 0)), one(f32([]int{2, 2}, 1, 2, 4, 5))},
		{"Pad of one axis", "Pad", nil, one(x, graph.Ints(1, 0), nil, graph.Ints(-2)),
			one(f32([]int{3, 3}, 0, 0, 0, 0, 1, 2, 3, 4, 5))},
		{"Pad at an edge", "Pad", mode("edge"), one(vector(1, 2, 3), graph.Ints(2, 1)), one(vector(1, 1, 1, 2, 3, 3))},
		{"Pad reflecting", "Pad", mode("reflect"), one(vector(1, 2, 3), graph.Ints(2, 2)), one(vector(3, 2, 1, 2, 3, 2, 1))},
		{"Pad wrapping", "Pad", mode("wrap"), one(vector(1, 2, 3), graph.Ints(2, 1)), one(vector(2, 3, 1, 2, 3, 1))},
		{"Transpose", "Transpose", nil, one(x), one(f32([]int{3, 2}, 0, 3, 1, 4, 2, 5))},
		{"Transpose by a permutation", "Transpose", graph.Attrs{"perm": []int64{1, 2, 0}}, one(counting(0, 2, 2, 2)),
			one(f32([]int{2, 2, 2}, 0, 4, 1, 5, 2, 6, 3, 7))},
		{"Expand", "Expand", nil, one(f32([]int{2, 1}, 1, 2), graph.Ints(2, 1, 2)),
			one(f32([]int{2, 2, 2}, 1, 1, 2, 2, 1, 1, 2, 2))},
		{"Tile", "Tile", nil, one(f32([]int{1, 2}, 1, 2), graph.Ints(2, 2)), one(f32([]int{2, 4}, 1, 2, 1, 2, 1, 2, 1, 2))},
		{"Gather", "Gather", axis(1), one(x, index([]int{1, 2}, 2, -3)), one(f32([]int{2, 1, 2}, 2, 0, 5, 3))},
		{"Gather one", "Gather", nil, one(x, index(nil, 1)), one(vector(3, 4, 5))},
		{"Gather nothing", "Gather", nil, one(x, graph.Ints()), one(f32([]int{0, 3}))},
		{"ScatterElements", "ScatterElements", axis(1), one(x, index([]int{2, 1}, 1, -1), f32([]int{2, 1}, 7, 8)),
			one(f32([]int{2, 3}, 0, 7, 2, 3, 4, 8))},
		{"ScatterElements adding", "ScatterElements", graph.Attrs{"reduction": "add"},
			one(vector(1, 2), index([]int{3}, 0, 0, 1), vector(10, 20, 30)), one(vector(31, 32))},
		{"ScatterND of elements", "ScatterND", nil, one(x, index([]int{2, 2}, 0, 1, 1, -1), vector(7, 8)),
			one(f32([]int{2, 3}, 0, 7, 2, 3, 4, 8))},
		{"ScatterND of rows", "ScatterND", nil, one(x, index([]int{1, 1}, 1), f32([]int{1, 3}, 7, 8, 9)),
			one(f32([]int{2, 3}, 0, 1, 2, 7, 8, 9))},
		{"ScatterND adding", "ScatterND", graph.Attrs{"reduction": "add"}, one(vector(1, 2), index([]int{2, 1}, 0, 0),
			vector(10, 20)), one(vector(31, 2))},
		{"ScatterND multiplying", "ScatterND", graph.Attrs{"reduction": "mul"}, one(vector(3, 2), index([]int{2, 1}, 0, 0),
			vector(10, 20)), one(vector(600, 2))},
		{"ScatterElements, the larger", "ScatterElements", graph.Attrs{"reduction": "max"},
			one(vector(3, 2), graph.Ints(0, 1), vector(1, 5)), one(vector(3, 5))},
		{"ScatterElements, the smaller", "ScatterElements", graph.Attrs{"reduction": "min"},
			one(vector(3, 2), graph.Ints(0, 1), vector(1, 5)), one(vector(1, 2))},
		{"OneHot", "OneHot", nil, one(graph.Ints(1, -1, 5), graph.FromInt64(nil, []int64{3}), vector(2, 7)),
			one(f32([]int{3, 3}, 2, 7, 2, 2, 2, 7, 2, 2, 2))},
		{"OneHot along the first axis", "OneHot", axis(0), one(graph.Ints(1, 0, 0), graph.FromInt64(nil, []int64{2}),
			vector(0, 1)),
			one(f32([]int{2, 3}, 0, 1, 1, 1, 0, 0))},
		{"where and what", "Where", nil, one(bools([]int{2}, true, false), graph.Ints(math.MaxInt64, 0), graph.Ints(0)),
			one(graph.Ints(math.MaxInt64, 0))},
	})
	t.Run("every dtype is moved exactly", func(t *testing.T) {
		for _, x := range []*graph.Tensor{graph.Ints(math.MaxInt64, math.MinInt64), words} {
			for _, c := range []struct {
				op string
				in []*graph.Tensor
			}{{"Concat", one(x)}, {"Pad", one(x, graph.Ints(0, 0))}, {"Expand", one(x, graph.Ints(1))}, {"Transpose", one(x)},
				{"Tile", one(x, graph.Ints(1))}} {
				n := &graph.Node{Op: c.op, Attrs: axis(0)}
				for _, v := range c.in {
					n.Inputs = append(n.Inputs, fixed(v))
				}
				got, err := op.Of(n).Eval(n, c.in)
				if err != nil {
					t.Fatal(err)
				}
				same := x.DType == graph.String && slices.Equal(got[0].Data.([]string), words.Data.([]string)) ||
					x.DType == graph.Int64 && slices.Equal(got[0].Int64s(), x.Int64s())
				if !same {
					t.Errorf("%s of %v gives %v", c.op, x.Data, got[0].Data)
				}
			}
		}
	})
}

func TestMovementRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		op    string
		attrs graph.Attrs
		in    []*graph.Tensor
	}{
		{"other ranks", "Concat", graph.Attrs{"axis": int64(0)}, one(vector(1), counting(0, 1, 1))},
		{"other extents", "Concat", graph.Attrs{"axis": int64(0)}, one(counting(0, 1, 2), counting(0, 1, 3))},
		{"other dtypes", "Concat", graph.Attrs{"axis": int64(0)}, one(vector(1), graph.Ints(1))},
		{"an index beyond the axis", "Gather", nil, one(vector(1, 2), graph.Ints(2))},
		{"indices that are not integers", "Gather", nil, one(vector(1, 2), vector(1))},
		{"an index beyond the axis", "ScatterElements", nil, one(vector(1, 2), graph.Ints(2), vector(1))},
		{"fewer updates", "ScatterElements", nil, one(vector(1, 2), graph.Ints(0, 1), vector(1))},
		{"an index beyond the data", "ScatterND", nil, one(vector(1, 2), graph.FromInt64([]int{1, 1}, []int64{-3}),
			vector(1))},
		{"updates of another shape", "ScatterND", nil, one(vector(1, 2), graph.FromInt64([]int{1, 1}, []int64{0}),
			vector(1, 2))},
		{"parts that are too small", "Split", nil, one(vector(1, 2), graph.Ints(1))},
		{"more than there is memory", "Expand", nil, one(vector(1), graph.Ints(1<<20, 1<<20))},
		{"more than there is memory", "Tile", nil, one(vector(1, 2), graph.Ints(1<<30))},
		{"pads that leave less than nothing", "Pad", nil, one(vector(1, 2), graph.Ints(-2, -2))},
		{"a mode that is not known", "Pad", graph.Attrs{"mode": "mirror"}, one(vector(1, 2), graph.Ints(1, 0))},
		{"a reduction that is not known", "ScatterND", graph.Attrs{"reduction": "mean"},
			one(vector(1), graph.FromInt64([]int{1, 1}, []int64{0}), vector(1))},
		{"no steps", "Slice", nil, one(vector(1, 2), graph.Ints(0), graph.Ints(1), graph.Ints(0), graph.Ints(0))},
	} {
		t.Run(c.op+" "+c.name, func(t *testing.T) {
			n := &graph.Node{Op: c.op, Attrs: c.attrs, Outputs: values(&graph.Value{})}
			for _, x := range c.in {
				n.Inputs = append(n.Inputs, &graph.Value{DType: x.DType})
			}
			if out, err := op.Of(n).Eval(n, c.in); err == nil {
				t.Errorf("gives %v", out)
			}
		})
	}
}

func TestMovementShape(t *testing.T) {
	axis := func(a int64) graph.Attrs { return graph.Attrs{"axis": a} }
	x := fed("N,3,H")
	checkInfers(t, []inferCase{
		{"Concat", "Concat", axis(1), values(x, fed("N,4,H")), "[N,7,H]", nil},
		{"Concat of symbols", "Concat", axis(2), values(x, x), "[N,3,?]", nil},
		{"Concat settles a symbol", "Concat", axis(1), values(x, fed("2,4,H")), "[2,7,H]", nil},
		{"Concat of an unknown rank", "Concat", axis(1), values(x, unranked), "[?…]", nil},
		{"Concat of elements", "Concat", axis(0), values(extents("N"), fixedInts(-1, 3)), "[3]=[N,-1,3]", nil},
		{"Concat of other extents", "Concat", axis(0), values(fed("1,2"), fed("1,3")), "", op.ErrMalformed},
		{"Concat of other ranks", "Concat", axis(0), values(fed("1,2"), fed("1")), "", op.ErrMalformed},
		{"Split", "Split", axis(1), values(x, fixedInts(1, 2)), "[N,1,H] [N,2,H]", nil},
		{"Split evenly", "Split", axis(1), values(fed("N,5")), "[N,3] [N,2]", nil},
		{"Split of a symbol", "Split", nil, values(x), "[?,3,H] [?,3,H]", nil},
		{"Split by computed extents", "Split", axis(1), values(x, unknownInts), "[N,?,H] [N,?,H]", nil},
		{"Slice", "Slice", nil, values(x, fixedInts(1), fixedInts(3), fixedInts(1)), "[N,2,H]", nil},
		{"Slice of a symbol", "Slice", nil, values(x, fixedInts(1), fixedInts(3), fixedInts(0)), "[?,3,H]", nil},
		{"Slice of the whole of a symbol", "Slice", nil, values(x, fixedInts(0), fixedInts(math.MaxInt64), fixedInts(0)),
			"[N,3,H]", nil},
		{"Slice by computed ends", "Slice", nil, values(x, fixedInts(0), unknownInts, fixedInts(2)), "[N,3,?]", nil},
		{"Slice of computed axes", "Slice", nil, values(x, fixedInts(0), fixedInts(1), unknownInts), "[?,?,?]", nil},
		{"Slice of elements", "Slice", nil, values(extents("N,3,H"), fixedInts(-1), fixedInts(0), nil, fixedInts(-1)),
			"[2]=[H,3]", nil},
		{"Slice of an axis that is not there", "Slice", nil, values(x, fixedInts(0), fixedInts(1), fixedInts(3)), "",
			op.ErrMalformed},
		{"Slice, lists of other lengths", "Slice", nil, values(x, fixedInts(0), fixedInts(1, 2)), "", op.ErrMalformed},
		{"Pad", "Pad", nil, values(x, fixedInts(0, 1, 0, 0, 2, 0)), "[N,6,H]", nil},
		{"Pad of a symbol", "Pad", nil, values(x, fixedInts(0, 0, 1, 0, 0, 1)), "[N,3,?]", nil},
		{"Pad of one axis", "Pad", nil, values(x, fixedInts(1, 1), nil, fixedInts(-2)), "[N,5,H]", nil},
		{"Pad by computed pads", "Pad", nil, values(x, unknownInts), "[?,?,?]", nil},
		{"Pad, too few pads", "Pad", nil, values(x, fixedInts(1)), "", op.ErrMalformed},
		{"Pad that leaves nothing", "Pad", nil, values(x, fixedInts(0, -2, 0, 0, -2, 0)), "", op.ErrMalformed},
		{"Transpose", "Transpose", graph.Attrs{"perm": []int64{0, 2, 1}}, values(x), "[N,H,3]", nil},
		{"Transpose reverses", "Transpose", nil, values(x), "[H,3,N]", nil},
		{"Transpose, an axis twice", "Transpose", graph.Attrs{"perm": []int64{0, 1, 1}}, values(x), "", op.ErrMalformed},
		{"Transpose, too few axes", "Transpose", graph.Attrs{"perm": []int64{0, 1}}, values(x), "", op.ErrMalformed},
		{"Expand", "Expand", nil, values(fed("3,1"), extents("N,1,4")), "[N,3,4]", nil},
		{"Expand to a computed shape", "Expand", nil, values(x, unknownInts), "[?…]", nil},
		{"Expand to a negative extent", "Expand", nil, values(fed("1"), extents("-1")), "", op.ErrMalformed},
		{"Expand of another extent", "Expand", nil, values(fed("3"), extents("4")), "", op.ErrMalformed},
		{"Tile", "Tile", nil, values(x, fixedInts(1, 2, 1)), "[N,6,H]", nil},
		{"Tile of a symbol", "Tile", nil, values(x, fixedInts(2, 1, 1)), "[?,3,H]", nil},
		{"Tile by computed repeats", "Tile", nil, values(x, unknownInts), "[?,?,?]", nil},
		{"Tile, too few repeats", "Tile", nil, values(x, fixedInts(1)), "", op.ErrMalformed},
		{"Gather", "Gather", axis(1), values(x, fixedInts(0, 1)), "[N,2,H]", nil},
		{"Gather one", "Gather", axis(-1), values(x, fixed(graph.FromInt64(nil, []int64{0}))), "[N,3]", nil},
		{"Gather an element", "Gather", nil, values(extents("N,3"), fixed(graph.FromInt64(nil, []int64{-2}))), "[]=[N]", nil},
		{"Gather an element that is not there", "Gather", nil, values(extents("N,3"), fixedInts(2)), "", op.ErrMalformed},
		{"OneHot", "OneHot", axis(1), values(fed("N,3"), fixedInts(5), fed("2")), "[N,5,3]", nil},
		{"OneHot of a computed depth", "OneHot", nil, values(fed("N"), unknownInts, fed("2")), "[N,?]", nil},
		{"OneHot of a negative depth", "OneHot", nil, values(fed("N"), fixedInts(-5), fed("2")), "", op.ErrMalformed},
		{"ScatterElements", "ScatterElements", nil, values(x, fed("1,1,1"), fed("1,1,1")), "[N,3,H]", nil},
	})
}

func TestMovementUpgrade(t *testing.T) {
	x := counting(0, 2, 3)
	list := func(v ...int64) []int64 { return v }
	checkUpgrades(t, []upgradeCase{
		{"Slice", 9, "Slice", graph.Attrs{"starts": list(1), "ends": list(-1), "axes": list(1)}, one(x),
			one(f32([]int{2, 1}, 1, 4))},
		{"Slice of leading axes", 6, "Slice", graph.Attrs{"starts": list(1, 1), "ends": list(9, 9)}, one(x),
			one(f32([]int{1, 2}, 4, 5))},
		{"Pad", 10, "Pad", graph.Attrs{"pads": list(0, 1, 0, 0), "value": float32(9)}, one(x),
			one(f32([]int{2, 4}, 9, 0, 1, 2, 9, 3, 4, 5))},
		{"Pad at an edge", 6, "Pad", graph.Attrs{"pads": list(0, 1, 0, 0), "mode": "edge"}, one(x),
			one(f32([]int{2, 4}, 0, 0, 1, 2, 3, 3, 4, 5))},
		{"Split", 11, "Split", graph.Attrs{"axis": int64(1), "split": list(1, 2)}, one(x),
			[]*graph.Tensor{f32([]int{2, 1}, 0, 3), f32([]int{2, 2}, 1, 2, 4, 5)}},
		{"Split evenly", 6, "Split", nil, one(x), []*graph.Tensor{counting(0, 1, 3), counting(3, 1, 3)}},
	})
}

// A class token has a batch of 1 also where the images have another.
func TestConcatRebatch(t *testing.T) {
	b := op.NewBuilder(graph.New("rebatch"))
	token, patches := b.Const("token", filled(1, 1, 1, 2)), b.Input("patches", graph.Float32, graph.Dims(3, 4, 2))
	n := &graph.Node{Op: "Concat", Attrs: graph.Attrs{"axis": int64(1)}, Inputs: values(token, patches),
		Outputs: values(&graph.Value{})}
	y := op.Of(n).Rebatch(b, n, 3)
	if b.Err() != nil || len(y) != 1 || y[0].Shape.String() != "[3,5,2]" {
		t.Errorf("rebatched to %v, %v", y, b.Err())
	}
	n.Attrs["axis"] = int64(0)
	if y := op.Of(n).Rebatch(b, n, 3); y != nil {
		t.Errorf("a Concat along the batch is rebatched to %v", y)
	}
}

func TestMovementChannels(t *testing.T) {
	axis := func(a int64) graph.Attrs { return graph.Attrs{"axis": a} }
	x := []graph.Shape{graph.Dims(1, 2, 3)}
	checkChannels(t, []channelCase{
		{name: "Concat of channels", op: "Concat", attrs: axis(1), inputs: 2,
			in: []graph.Shape{graph.Dims(1, 2), graph.Dims(1, 3)}, source: "x.1 w.1",
			want: "x.0:n w.0:n y.0:n x.1:AB w.1:CDE y.1:ABCDE"},
		{name: "Concat twice of the same", op: "Concat", attrs: axis(0), inputs: 2,
			in: []graph.Shape{graph.Dims(1, 2), graph.Dims(1, 2)}, source: "x.1",
			want: "x.0:m w.0:n y.0:mn x.1:AB w.1:AB y.1:AB"},
		{name: "Split", op: "Split", attrs: axis(1), inputs: 1, in: []graph.Shape{graph.Dims(1, 3)},
			more: one(graph.Ints(1, 2)), source: "x.1", outputs: 2,
			want: "x.0:n y.0:n y'.0:n x.1:ABC y.1:A y'.1:BC", sizes: "k[0]=Split.1/1 k[1]=Split.1.1/1"},
		{name: "Split evenly", op: "Split", attrs: axis(1), inputs: 1, in: []graph.Shape{graph.Dims(1, 4)}, source: "x.1",
			outputs: 2,
			want:    "x.0:n y.0:n y'.0:n x.1:ABAB y.1:AB y'.1:AB"},
		{name: "Split with a smaller rest", op: "Split", attrs: axis(1), inputs: 1, in: []graph.Shape{graph.Dims(1, 3)},
			source: "x.1", outputs: 2,
			want: "x.0:n y.0:n y'.0:n"},
		{name: "Slice of space", op: "Slice", inputs: 1, in: x, more: one(graph.Ints(1), graph.Ints(3), graph.Ints(2)),
			source: "x.1",
			want:   "x.0:n y.0:n x.1:AB y.1:AB"},
		{name: "Slice of all channels", op: "Slice", inputs: 1, in: x,
			more: one(graph.Ints(0), graph.Ints(2), graph.Ints(1)), source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.1:AB x.2:cde y.2:cde"},
		{name: "Slice of some channels", op: "Slice", inputs: 1, in: x,
			more: one(graph.Ints(0), graph.Ints(1), graph.Ints(1)), source: "x.1",
			want: "x.0:n y.0:n x.2:cde y.2:cde"},
		{name: "Pad of space", op: "Pad", inputs: 1, in: x, more: one(graph.Ints(0, 0, 1, 0, 0, 0)), source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.1:AB x.2:cde y.2:fcde"},
		{name: "Pad of channels", op: "Pad", inputs: 1, in: x, more: one(graph.Ints(0, 1, 0, 0, 2, 0)), source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.1:mABpq x.2:cde y.2:cde"},
		{name: "Pad that crops channels", op: "Pad", inputs: 1, in: x, more: one(graph.Ints(0, -1, 0, 0, 0, 0)),
			source: "x.1",
			want:   "x.0:n y.0:n x.2:cde y.2:cde"},
		{name: "Transpose", op: "Transpose", attrs: graph.Attrs{"perm": []int64{0, 2, 1}}, inputs: 1, in: x, source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.2:AB x.2:cde y.1:cde"},
		{name: "Expand", op: "Expand", inputs: 1, in: []graph.Shape{graph.Dims(2, 1)}, more: one(graph.Ints(1, 2, 4)),
			source: "x.0",
			want:   "x.0:AB y.1:AB", sizes: "k[1]=Expand.1/1"},
		{name: "Expand with ones", op: "Expand", inputs: 1, in: []graph.Shape{graph.Dims(2, 1)}, more: one(graph.Ints(1, 4)),
			source: "x.0",
			want:   "x.0:AB y.0:AB"},
		{name: "Tile", op: "Tile", inputs: 1, in: x, more: one(graph.Ints(1, 1, 2)), source: "x.1",
			want: "x.0:n y.0:n x.1:AB y.1:AB"},
		{name: "Tile of channels", op: "Tile", inputs: 1, in: x, more: one(graph.Ints(1, 2, 1)), source: "x.1",
			want: "x.0:n y.0:n x.2:cde y.2:cde"},
		{name: "Gather of rows", op: "Gather", inputs: 1, in: []graph.Shape{graph.Dims(3, 2)}, more: one(graph.Ints(0, 2)),
			source: "x.1",
			want:   "x.1:AB y.1:AB"},
		{name: "Gather of channels", op: "Gather", attrs: axis(1), inputs: 1, in: x, more: one(graph.Ints(0, 1)),
			source: "x.1",
			want:   "x.0:n y.0:n x.2:cde y.2:cde"},
	})
}

// Channels that padding lengthens and another branch joins stay where the padding lies.
func TestPadJoined(t *testing.T) {
	b := op.NewBuilder(graph.New("shortcut"))
	x, w := b.Input("x", graph.Float32, graph.Dims(1, 2)), b.Input("w", graph.Float32, graph.Dims(1, 4))
	long := b.Op("Pad", nil, x, b.Ints(0, 1, 0, 1))
	y := b.Op("Add", nil, long, w)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	c := op.NewCoupling()
	c.MarkSource(x, 1)
	c.MarkSource(w, 1)
	c.Apply(long.Producer)
	c.Apply(y.Producer)
	for i, want := range []bool{false, true, true, false} {
		if got, why := c.Removable(c.Class(op.AxisRef{Value: y, Axis: 1}, i)); got != want {
			t.Errorf("channel %d may be removed: %v (%s)", i, got, why)
		}
	}
}

package op_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// channelCase applies one op to x, w, … (inputs; weights are constants) and states the classes of positions. Each axis
// is written as "value.axis:classes", one letter per position: positions with equal letters move together, whatever the
// axis. An upper-case class has a source and may be removed, a lower-case one may not, for want of a source or since it
// is fixed. Axes not listed are fixed whole.
type channelCase struct {
	name    string
	op      string
	attrs   graph.Attrs
	inputs  int // how many leading operands are inputs of the graph, not constants
	in      []graph.Shape
	more    []*graph.Tensor // further operands, constants: k, k_1, …
	source  string          // the axes of inputs that channels lie along, "value.axis"
	outputs int
	want    string
	sizes   string // the integers that follow axes, "attr=value.axis/per", or "constant[index]=value.axis/per"
}

func checkChannels(t *testing.T, cases []channelCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { checkChannel(t, c) })
	}
}

func checkChannel(t *testing.T, c channelCase) {
	b := op.NewBuilder(graph.New(c.name))
	values := map[string]*graph.Value{}
	in := make([]*graph.Value, len(c.in))
	for i, s := range c.in {
		name := string("xwuvst"[i])
		if i < c.inputs {
			in[i] = b.Input(name, graph.Float32, s)
		} else {
			in[i] = b.Const(name, graph.NewTensor(graph.Float32, s.Sizes()...))
		}
		values[name] = in[i]
	}
	for _, t := range c.more {
		in = append(in, b.Const("k", t))
	}
	for i, y := range b.Ops(c.op, max(1, c.outputs), c.attrs, in...) {
		values["y"+strings.Repeat("'", i)] = y
	}
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	axisOf := func(ref string) op.AxisRef {
		name, number, _ := strings.Cut(ref, ".")
		return op.AxisRef{Value: values[name], Axis: int(number[0] - '0')}
	}
	coupling := op.NewCoupling()
	for _, ref := range strings.Fields(c.source) {
		coupling.MarkSource(axisOf(ref).Value, axisOf(ref).Axis)
	}
	coupling.Apply(values["y"].Producer)
	listed := map[op.AxisRef]bool{}
	classOf := map[rune]int{}
	letterOf := map[int]rune{}
	for _, axis := range strings.Fields(c.want) {
		ref, letters, _ := strings.Cut(axis, ":")
		a := axisOf(ref)
		listed[a] = true
		if size := a.Value.Shape[a.Axis].Size; size != len(letters) {
			t.Fatalf("%s: the axis has %d positions", axis, size)
		}
		for i, letter := range letters {
			class := coupling.Class(a, i)
			if other, seen := classOf[letter]; seen && other != class {
				t.Errorf("%s: position %d does not move with the other %c", axis, i, letter)
			}
			if other, seen := letterOf[class]; seen && other != letter {
				t.Errorf("%s: position %d is %c and moves with %c", axis, i, letter, other)
			}
			classOf[letter], letterOf[class] = class, letter
			removable, why := coupling.Removable(class)
			if want := strings.ToUpper(string(letter)) == string(letter); removable != want {
				t.Errorf("%s: position %d may be removed: %v (%s), want %v", axis, i, removable, why, want)
			}
		}
	}
	for _, a := range coupling.Axes() {
		for i := range a.Value.Shape[a.Axis].Size {
			if _, why := coupling.Removable(coupling.Class(a, i)); !listed[a] && why == "" {
				t.Errorf("axis %d of %s is not fixed", a.Axis, a.Value.Name)
			}
		}
	}
	var sizes []string
	for _, s := range coupling.Sizes() {
		place := s.Attr
		if s.Const != nil {
			place = fmt.Sprintf("%s[%d]", s.Const.Name, s.Index)
		}
		sizes = append(sizes, fmt.Sprintf("%s=%s.%d/%d", place, s.Of.Value.Name, s.Of.Axis, s.Per))
	}
	if got := strings.Join(sizes, " "); got != c.sizes {
		t.Errorf("sizes %q, want %q", got, c.sizes)
	}
}

func TestConvChannels(t *testing.T) {
	checkChannels(t, []channelCase{
		{name: "dense", op: "Conv", inputs: 1, in: []graph.Shape{graph.Dims(1, 2, 5, 5), graph.Dims(3, 2, 3, 3),
			graph.Dims(3)},
			want: "x.0:n y.0:n x.1:ab w.1:ab w.0:CDE u.0:CDE y.1:CDE"},
		{name: "one input channel", op: "Conv", inputs: 1, in: []graph.Shape{graph.Dims(1, 1, 5, 5), graph.Dims(2, 1, 3, 3)},
			want: "x.0:n y.0:n x.1:a w.1:a w.0:CD y.1:CD"},
		{name: "grouped keeps equally many of each group", op: "Conv", attrs: graph.Attrs{"group": int64(2)}, inputs: 1,
			in:   []graph.Shape{graph.Dims(1, 4, 5), graph.Dims(6, 2, 3), graph.Dims(6)},
			want: "x.0:n y.0:n x.1:abab w.1:ab w.0:CDECDE u.0:CDECDE y.1:CDECDE"},
		{name: "groups of one output stay", op: "Conv", attrs: graph.Attrs{"group": int64(2)}, inputs: 1,
			in: []graph.Shape{graph.Dims(1, 4, 5), graph.Dims(2, 2, 3)}, want: "x.0:n y.0:n x.1:abab w.1:ab"},
		{name: "depthwise follows its input", op: "Conv", attrs: graph.Attrs{"group": int64(3)}, inputs: 1,
			in:   []graph.Shape{graph.Dims(1, 3, 5), graph.Dims(3, 1, 3), graph.Dims(3)},
			want: "x.0:n y.0:n x.1:abc w.0:abc u.0:abc y.1:abc", sizes: "group=x.1/1"},
		{name: "depthwise with a multiplier", op: "Conv", attrs: graph.Attrs{"group": int64(2)}, inputs: 1,
			in:   []graph.Shape{graph.Dims(1, 2, 5), graph.Dims(6, 1, 3)},
			want: "x.0:n y.0:n x.1:ab w.0:aaabbb y.1:aaabbb", sizes: "group=x.1/1"},
		{name: "symbolic batch", op: "Conv", inputs: 1, in: []graph.Shape{{graph.Sym("batch"), graph.D(2), graph.D(5)},
			graph.Dims(2, 2, 3)},
			want: "x.1:ab w.1:ab w.0:CD y.1:CD"},
		{name: "transposed", op: "ConvTranspose", inputs: 1, in: []graph.Shape{graph.Dims(1, 2, 5), graph.Dims(2, 3, 3),
			graph.Dims(3)},
			want: "x.0:n y.0:n x.1:ab w.0:ab w.1:CDE u.0:CDE y.1:CDE"},
		{name: "transposed grouped stays", op: "ConvTranspose", attrs: graph.Attrs{"group": int64(2)}, inputs: 1,
			in: []graph.Shape{graph.Dims(1, 4, 5), graph.Dims(4, 3, 3)}, want: "x.0:n y.0:n"},
	})
}

func TestLinearChannels(t *testing.T) {
	checkChannels(t, []channelCase{
		{name: "MatMul by a weight", op: "MatMul", inputs: 1, in: []graph.Shape{graph.Dims(2, 4, 3), graph.Dims(3, 2)},
			want: "x.0:mn y.0:mn x.1:pqrs y.1:pqrs x.2:abc w.0:abc w.1:DE y.2:DE"},
		{name: "weight on the left", op: "MatMul", inputs: 0, in: []graph.Shape{graph.Dims(2, 3), graph.Dims(3)},
			want: "x.0:AB y.0:AB x.1:cde w.0:cde"},
		{name: "two activations", op: "MatMul", inputs: 2, in: []graph.Shape{graph.Dims(2, 1, 3, 2), graph.Dims(1, 2, 2, 3)},
			want: "x.0:ab y.0:ab w.1:cd y.1:cd x.2:efg y.2:efg x.3:hi w.2:hi w.3:jkl y.3:jkl"},
		{name: "vectors", op: "MatMul", inputs: 2, in: []graph.Shape{graph.Dims(2), graph.Dims(2)}, want: "x.0:ab w.0:ab"},
		{name: "row by matrices", op: "MatMul", inputs: 2, in: []graph.Shape{graph.Dims(2), graph.Dims(3, 2, 2)},
			want: "x.0:ab w.1:ab w.0:cde y.0:cde w.2:fg y.1:fg"},
		{name: "Gemm", op: "Gemm", inputs: 1, in: []graph.Shape{graph.Dims(1, 3), graph.Dims(3, 2), graph.Dims(2)},
			want: "x.0:n y.0:n x.1:abc w.0:abc w.1:DE u.0:DE y.1:DE"},
		{name: "Gemm transposed", op: "Gemm", attrs: graph.Attrs{"transA": int64(1), "transB": int64(1)}, inputs: 1,
			in:   []graph.Shape{graph.Dims(3, 1), graph.Dims(2, 3), graph.Dims(1, 2)},
			want: "x.1:n u.0:n y.0:n x.0:abc w.1:abc w.0:DE u.1:DE y.1:DE"},
		{name: "Gemm with a scalar C", op: "Gemm", inputs: 1, in: []graph.Shape{graph.Dims(1, 3), graph.Dims(3, 2),
			graph.Dims(1)},
			want: "x.0:n y.0:n x.1:abc w.0:abc w.1:DE y.1:DE"},
	})
}

func TestPoolChannels(t *testing.T) {
	kernel := graph.Attrs{"kernel_shape": []int64{2}}
	checkChannels(t, []channelCase{
		{name: "MaxPool", op: "MaxPool", attrs: kernel, inputs: 1, in: []graph.Shape{graph.Dims(1, 2, 4)},
			want: "x.0:n y.0:n x.1:ab y.1:ab"},
		{name: "positions hold on", op: "MaxPool", attrs: kernel, inputs: 1, outputs: 2,
			in: []graph.Shape{graph.Dims(1, 2, 4)}},
		{name: "GlobalAveragePool", op: "GlobalAveragePool", inputs: 1, in: []graph.Shape{graph.Dims(1, 2, 4)},
			want: "x.0:n y.0:n x.1:ab y.1:ab"},
	})
}

func TestNormChannels(t *testing.T) {
	c := graph.Dims(2)
	checkChannels(t, []channelCase{
		{name: "BatchNormalization", op: "BatchNormalization", inputs: 1, in: []graph.Shape{graph.Dims(1, 2, 3), c, c, c, c},
			want: "x.0:n y.0:n x.1:ab y.1:ab w.0:ab u.0:ab v.0:ab s.0:ab x.2:cde y.2:cde"},
		{name: "LayerNormalization", op: "LayerNormalization", inputs: 1,
			in:   []graph.Shape{graph.Dims(1, 2, 3), graph.Dims(3), graph.Dims(3)},
			want: "x.0:n y.0:n x.1:ab y.1:ab x.2:cde y.2:cde w.0:cde u.0:cde"},
	})
}

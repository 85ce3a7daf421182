package layermatch_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/layermatch"
)

// TestTwins aligns networks with narrower ones of the same structure, whose nodes are renamed and in another order,
// with the batch normalisation of one side folded: each candidate must find the value that it came from.
func TestTwins(t *testing.T) {
	for _, net := range nets {
		for _, fold := range []string{"none", "teacher", "student"} {
			t.Run(net.name+"/fold="+fold, func(t *testing.T) {
				random := rand.New(rand.NewPCG(1, 2))
				teacher := build(t, net.make, nil)
				student, old := disguise(build(t, net.make, random), random)
				switch fold {
				case "teacher":
					pass.FoldBatchNorm(teacher)
				case "student":
					pass.FoldBatchNorm(student)
				}
				a := align(t, teacher, student, layermatch.Options{})
				if len(a.Student) < 3 || len(a.Pairs) != len(a.Student) {
					t.Errorf("%d pairs for %d candidates", len(a.Pairs), len(a.Student))
				}
				for _, p := range a.Pairs {
					if got, want := p.Teacher.Name, old[p.Student.Name]; got != want {
						t.Errorf("%s %v: paired with %s, came from %s", p.Student.Op, p.Student.Shape, got, want)
					}
				}
				if len(a.Chosen()) == 0 {
					t.Error("nothing was chosen")
				}
				if t.Failed() || testing.Verbose() {
					var s strings.Builder
					if err := a.Table(&s, true); err != nil {
						t.Fatal(err)
					}
					t.Log("\n" + s.String())
				}
			})
		}
	}
}

// TestFewerBlocks aligns residual networks with others that have fewer blocks in each stage. Which inner block
// corresponds to which is a matter of taste; the ends of stages are not.
func TestFewerBlocks(t *testing.T) {
	for _, blocks := range [][]int{{1, 1, 1}, {2, 1, 2}, {3, 1, 1}, {1, 4, 1}} {
		t.Run(fmt.Sprint(blocks), func(t *testing.T) {
			random := rand.New(rand.NewPCG(3, 4))
			teacher := build(t, residual(4, 4, 4), nil)
			student, _ := disguise(build(t, residual(blocks...), random), random)
			pass.FoldBatchNorm(student)
			a := align(t, teacher, student, layermatch.Options{})
			chosen := a.Chosen()
			if len(chosen) != 3 {
				t.Fatalf("%d chosen, want one per stage", len(chosen))
			}
			for i, p := range chosen {
				if ts, ss := a.TeacherStages[i], a.StudentStages[i]; p.Teacher.Name != ts.Last || p.Student.Name != ss.Last {
					t.Errorf("stage %d: %s and %s are chosen, the stages end with %s and %s", i, p.Teacher.Name, p.Student.Name,
						ts.Last, ss.Last)
				}
			}
			order := map[string]int{}
			for i, c := range a.Teacher {
				order[c.Name] = i
			}
			for i := range a.Pairs[1:] {
				if order[a.Pairs[i].Teacher.Name] >= order[a.Pairs[i+1].Teacher.Name] {
					t.Errorf("pairs %d and %d cross", i, i+1)
				}
			}
		})
	}
}

// TestLayouts aligns a network that has its channels last with one of the same structure that has them second.
func TestLayouts(t *testing.T) {
	second := func(m *maker) {
		x := m.Input("x", graph.Float32, graph.Dims(1, 3, 16, 24))
		for _, width := range []int{16, 16, 32} {
			x = m.relu(m.conv(x, width, 3, 2))
		}
		v := m.Op("Flatten", nil, x)
		m.Output(m.Op("Gemm", nil, v, m.zeros(v.Shape[1].Size, 10)))
	}
	teacher, student := build(t, channelsLast, nil), build(t, second, nil)
	a := align(t, teacher, student, layermatch.Options{})
	if len(a.Pairs) != 3 {
		t.Fatalf("%d pairs, want 3", len(a.Pairs))
	}
	for i, p := range a.Pairs {
		if p.Teacher.Channel != 3 || p.Student.Channel != 1 || !slices.Equal(p.Teacher.Spatial(), p.Student.Spatial()) ||
			p.Bridge != "transpose" {
			t.Errorf("pair %d: channels on axes %d and %d, %v and %v, bridge %q", i, p.Teacher.Channel, p.Student.Channel,
				p.Teacher.Spatial(), p.Student.Spatial(), p.Bridge)
		}
	}
	if len(a.Chosen()) != 0 {
		t.Error("pairs are chosen that no loss can take")
	}
	names := layermatch.Names{Teacher: a.Pairs[0].Teacher.Name, Student: a.Pairs[0].Student.Name}
	if _, err := layermatch.Align(teacher, student, layermatch.Options{Pairs: []layermatch.Names{names}}); err == nil {
		t.Error("a pair is taken that no loss can take")
	}
}

// TestUnknown aligns graphs of which little is known: unknown ops, no shapes, a first output that is not asked for.
func TestUnknown(t *testing.T) {
	g := graph.New("unknown")
	x := &graph.Value{Name: "x"}
	y := &graph.Value{Name: "y", DType: graph.Float32}
	z := &graph.Value{Name: "z", DType: graph.Float32, Shape: graph.Dims(1, 8)}
	conv := &graph.Node{Name: "conv", Op: "Conv", Inputs: []*graph.Value{x, nil}, Outputs: []*graph.Value{y}}
	odd := &graph.Node{Name: "odd", Op: "Odd", Domain: "com.example", Inputs: []*graph.Value{y, x},
		Outputs: []*graph.Value{nil, z}}
	y.Producer, z.Producer = conv, odd
	g.Inputs, g.Outputs, g.Nodes = []*graph.Value{x}, []*graph.Value{z}, []*graph.Node{conv, odd}
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	for _, other := range []*graph.Graph{g, graph.New("empty"), build(t, plain, nil)} {
		if a := align(t, g, other, layermatch.Options{}); len(a.Pairs) != 0 || len(a.Teacher) != 0 {
			t.Errorf("%d pairs of %d candidates", len(a.Pairs), len(a.Teacher))
		}
	}
}

// TestResolutions aligns networks of which one halves its resolution earlier.
func TestResolutions(t *testing.T) {
	net := func(strides ...int) func(m *maker) {
		return func(m *maker) {
			x := m.image(3, 32)
			for i, s := range strides {
				x = m.relu(m.conv(x, 16<<i, 3, s))
			}
			m.classify(x, 10)
		}
	}
	a := align(t, build(t, net(1, 2), nil), build(t, net(2, 2), nil), layermatch.Options{})
	var got []string
	for _, p := range a.Pairs {
		got = append(got, fmt.Sprintf("%v %v %s", p.Teacher.Spatial(), p.Student.Spatial(), p.Bridge))
	}
	want := []string{
		"[32 32] [16 16] pool the teacher to 16×16",
		"[16 16] [8 8] pool the teacher to 8×8",
		"[] [] none",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestStages(t *testing.T) {
	tests := []struct {
		name string
		make func(m *maker)
		want string // of each stage: resolution, first…last, number
	}{
		{"plain", plain, "32×32 Relu…Relu_1 2, 16×16 MaxPool…Relu_3 3, 8×8 MaxPool_1…Relu_4 2, " +
			"1 GlobalAveragePool…GlobalAveragePool 1"},
		// The block that leaves the first stage has an inner value of its resolution, which is not the stage's last.
		{"bottlenecks", bottlenecks, "32×32 Relu…Relu 1, 16×16 MaxPool…Relu_6 11, 8×8 BatchNormalization_11…Relu_12 9, " +
			"4×4 BatchNormalization_18…Relu_18 8, 1 GlobalAveragePool…GlobalAveragePool 1"},
		// Gates stand aside.
		{"inverted", inverted, "16×16 Relu…Add 7, 8×8 Relu_5…Relu_10 9, 1 GlobalAveragePool_3…GlobalAveragePool_3 1"},
		{"encoderDecoder", encoderDecoder, "32×32 Relu…Relu 1, 16×16 MaxPool…Relu_1 2, 8×8 MaxPool_1…Relu_2 2, " +
			"16×16 ConvTranspose…Relu_3 3, 32×32 ConvTranspose_1…Relu_4 3"},
		{"perceptron", perceptron(3), "1 Relu…Relu_2 3"},
		{"channelsLast", channelsLast, "8×12 Relu…Relu 1, 4×6 Relu_1…Relu_1 1, 2×3 Relu_2…Relu_2 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := build(t, test.make, nil)
			var got []string
			for _, s := range align(t, g, g, layermatch.Options{}).TeacherStages {
				size := strings.ReplaceAll(strings.Trim(fmt.Sprint(s.Spatial), "[]"), " ", "×")
				got = append(got, fmt.Sprintf("%s %s…%s %d", cmp.Or(size, "1"), s.First, s.Last, s.Length))
			}
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("got  %s\nwant %s", s, test.want)
			}
		})
	}
}

func TestOverrides(t *testing.T) {
	g := build(t, perceptron(4), nil)
	names := func(text string) layermatch.Names {
		n, err := layermatch.ParseNames(text, g, g)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	tests := []struct {
		name    string
		options layermatch.Options
		want    string // pairs
		chosen  string
	}{
		{"none", layermatch.Options{}, "Relu:Relu Relu_1:Relu_1 Relu_2:Relu_2 Relu_3:Relu_3",
			"Relu:Relu Relu_1:Relu_1 Relu_2:Relu_2 Relu_3:Relu_3"},
		{"asked for, and nothing crosses it", layermatch.Options{Pairs: []layermatch.Names{names("Relu_2:Relu_1")}},
			"Relu:Relu Relu_2:Relu_1 Relu_3:Relu_3", "Relu_2:Relu_1"},
		{"asked for, no candidates", layermatch.Options{Pairs: []layermatch.Names{names("Add_1:Add_1")}},
			"Relu:Relu Add_1:Add_1 Relu_2:Relu_2 Relu_3:Relu_3", "Add_1:Add_1"},
		{"excluded", layermatch.Options{Exclude: []layermatch.Names{names("Relu_3:Relu_3")}},
			"Relu:Relu Relu_1:Relu_1 Relu_2:Relu_2", "Relu:Relu Relu_1:Relu_1 Relu_2:Relu_2"},
		{"excluded by another name of the chain", layermatch.Options{Exclude: []layermatch.Names{names("Add_3:MatMul_3")}},
			"Relu:Relu Relu_1:Relu_1 Relu_2:Relu_2", "Relu:Relu Relu_1:Relu_1 Relu_2:Relu_2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := align(t, g, g, test.options)
			if got := namesOf(a.Pairs); got != test.want {
				t.Errorf("pairs %s\nwant  %s", got, test.want)
			}
			if got := namesOf(a.Chosen()); got != test.chosen {
				t.Errorf("chosen %s\nwant   %s", got, test.chosen)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	mlp, cnn := build(t, perceptron(2), nil), build(t, plain, nil)
	_, err := layermatch.Align(mlp, cnn, layermatch.Options{
		Pairs: []layermatch.Names{{Teacher: "nope", Student: "Relu"}, {Teacher: "Relu", Student: "Relu"},
			{Teacher: "w", Student: "Relu"}},
		Exclude: []layermatch.Names{{Teacher: "Relu", Student: "neither"}},
	})
	for _, want := range []string{`the teacher has no value "nope"`, `"Relu" [batch,64], "Relu" [batch,16,32,32]`,
		`value "w" [64,64] carries no`, `the student has no value "neither"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v: want %s in it", err, want)
		}
	}
	for text, want := range map[string]string{"Relu": "want teacher_value:student_value",
		"Relu:nope": "with a value of the teacher"} {
		if _, err := layermatch.ParseNames(text, mlp, cnn); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v: want %s in it", text, err, want)
		}
	}
	g := graph.New("colons")
	g.Inputs = []*graph.Value{{Name: "a"}, {Name: "a:b"}, {Name: "b:c"}, {Name: "c"}, {Name: "dense:0"}}
	if got, err := layermatch.ParseNames("dense:0:c", g, g); err != nil ||
		got != (layermatch.Names{Teacher: "dense:0", Student: "c"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := layermatch.ParseNames("a:b:c", g, g); err == nil {
		t.Error("a text with two readings is taken")
	}
}

func TestLineage(t *testing.T) {
	teacher := build(t, plain, nil)
	student := build(t, plain, rand.New(rand.NewPCG(1, 2)))
	kept := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15}
	a := align(t, teacher, student, layermatch.Options{Lineage: map[string]layermatch.Source{
		"Relu":   {Teacher: "Conv", Kept: kept}, // a value of the same chain
		"Relu_1": {Teacher: "Relu"},
	}})
	for i, want := range []struct{ lineage, bridge string }{
		{"agrees", "gather 14 of 16 channels"},
		{"disagrees: Relu", "1×1 connector 12→16"},
		{"", "1×1 connector 12→16"},
	} {
		if p := a.Pairs[i]; p.Lineage != want.lineage || p.Bridge != want.bridge {
			t.Errorf("%s: lineage %q, bridge %q; want %q, %q", p.Student.Name, p.Lineage, p.Bridge, want.lineage, want.bridge)
		}
	}
	if !slices.Equal(a.Pairs[0].Kept, kept) || a.Pairs[1].Kept != nil {
		t.Errorf("kept %v and %v", a.Pairs[0].Kept, a.Pairs[1].Kept)
	}
}

func TestTable(t *testing.T) {
	a := align(t, build(t, perceptron(2), nil), build(t, perceptron(1), nil), layermatch.Options{
		Lineage: map[string]layermatch.Source{"Relu": {Teacher: "Relu"}},
	})
	var s strings.Builder
	if err := a.Table(&s, false); err != nil {
		t.Fatal(err)
	}
	want := `
teacher  shape       depth  student  shape       depth  score  spatial  depth  kind  channels  ` +
		`bridge  lineage          chosen
Relu_1   [batch,64]  0.67   Relu     [batch,64]  0.50   0.97   1.00     0.92   1.00  1.00      ` +
		`none    disagrees: Relu  hidden 1 of 1
`
	if got := "\n" + s.String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	text, err := json.Marshal(a.Pairs[0])
	if err != nil {
		t.Fatal(err)
	}
	want = `{"teacher":{"name":"Relu_1","pre_activation":"Add_1","shape":["batch",64],"channel":1,"kind":"linear",` +
		`"op":"MatMul"`
	if !strings.HasPrefix(string(text), want) {
		t.Errorf("got %s\nwant %s…", text, want)
	}
}

func align(t *testing.T, teacher, student *graph.Graph, o layermatch.Options) *layermatch.Alignment {
	t.Helper()
	a, err := layermatch.Align(teacher, student, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func namesOf(pairs []layermatch.Pair) string {
	var names []string
	for _, p := range pairs {
		names = append(names, p.Teacher.Name+":"+p.Student.Name)
	}
	return strings.Join(names, " ")
}

package layermatch_test

import (
	"fmt"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/layermatch"
)

// attending is a net of so many layers of attention: scores are named s0, s1, …, values v0, v1, ….
func attending(t *testing.T, layers int) *graph.Graph {
	t.Helper()
	g := graph.New("attending")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	x := b.Input("x", graph.Float32, graph.Dims(2, 5, 8))
	weight := func() *graph.Value { return b.Const("w", graph.NewTensor(graph.Float32, 8, 8)) }
	heads := func() *graph.Value {
		y := b.Op("Reshape", nil, b.Op("MatMul", nil, x, weight()), b.Ints(0, 0, 2, 4))
		return b.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 1, 3}}, y)
	}
	for i := range layers {
		q, k, v := heads(), heads(), b.Rename(heads(), fmt.Sprint("v", i))
		scores := b.Rename(b.Op("MatMul", nil, q, b.Op("Transpose", graph.Attrs{"perm": []int64{0, 1, 3, 2}}, k)),
			fmt.Sprint("s", i))
		y := b.Op("MatMul", nil, b.Op("Dropout", nil, b.Op("Softmax", nil, scores)), v)
		y = b.Op("Reshape", nil, b.Op("Transpose", graph.Attrs{"perm": []int64{0, 2, 1, 3}}, y), b.Ints(0, 0, 8))
		x = b.Op("Add", nil, x, b.Op("MatMul", nil, y, weight()))
	}
	b.Output(b.Op("MatMul", nil, b.Op("Softmax", nil, x), weight())) // a gate, and no attention
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAttention(t *testing.T) {
	for _, c := range []struct {
		name    string
		student int
		lineage map[string]layermatch.Source
		want    string
	}{
		{"as many layers", 4, nil, "s0:s0 v0:v0, s1:s1 v1:v1, s2:s2 v2:v2, s3:s3 v3:v3, "},
		{"at even distances", 2, nil, "s1:s0 v1:v0, s3:s1 v3:v1, "},
		{"by lineage", 2, map[string]layermatch.Source{"s0": {Teacher: "s0"}, "s1": {Teacher: "s3"}},
			"s0:s0 v0:v0, s3:s1 v3:v1, "},
		{"more layers than the teacher", 5, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := layermatch.Align(attending(t, 4), attending(t, c.student), layermatch.Options{Lineage: c.lineage})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range a.Chosen() {
				if len(p.Teacher.Shape) != 3 {
					t.Errorf("%s %v is chosen as a feature map", p.Teacher.Name, p.Teacher.Shape)
				}
			}
			got := ""
			for _, p := range a.Attention {
				got += fmt.Sprintf("%s:%s %s:%s, ", p.Teacher.Scores, p.Student.Scores, p.Teacher.Values, p.Student.Values)
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

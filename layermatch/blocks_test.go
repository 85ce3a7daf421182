package layermatch_test

import (
	"fmt"
	"testing"

	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/layermatch"
)

// TestAcrossRemovedBlocks leaves every set of the blocks of a ResNet-20 out that keep the shape of what they read, and
// the Relu behind each where there is one already: the last map of each stage of the teacher is still taught to the
// last of the student's, whatever brought it about, and lineage says so.
func TestAcrossRemovedBlocks(t *testing.T) {
	teacher := specialise(t, importShared(t, "teachers/resnet20_cifar10.onnx"))
	blocks := []struct{ in, sum, out string }{ // what a block reads, its sum, and the Relu of that
		{"/2/Relu_output_0", "/3/Add_output_0", "/3/Relu_1_output_0"},
		{"/3/Relu_1_output_0", "/4/Add_output_0", "/4/Relu_1_output_0"},
		{"/4/Relu_1_output_0", "/5/Add_output_0", "/5/Relu_1_output_0"},
		{"/6/Relu_1_output_0", "/7/Add_output_0", "/7/Relu_1_output_0"},
		{"/7/Relu_1_output_0", "/8/Add_output_0", "/8/Relu_1_output_0"},
		{"/9/Relu_1_output_0", "/10/Add_output_0", "/10/Relu_1_output_0"},
		{"/10/Relu_1_output_0", "/11/Add_output_0", "/11/Relu_1_output_0"},
	}
	for set := range 1 << len(blocks) {
		student, _ := teacher.Clone()
		values := student.ByName()
		for _, v := range blocks {
			if values[v.in] == nil || values[v.sum] == nil || values[v.out] == nil {
				t.Fatalf("the teacher has no block %v", v)
			}
		}
		stands, lineage := map[string]string{}, map[string]layermatch.Source{}
		for i, b := range blocks {
			if set>>i&1 == 0 {
				continue
			}
			in := b.in
			if stands[in] != "" {
				in = stands[in]
			}
			stands[b.out] = in
			student.Replace(values[b.out], values[in])
		}
		pass.DeadCode(student)
		for name := range student.ByName() {
			lineage[name] = layermatch.Source{Teacher: name}
		}
		for out, in := range stands {
			s := lineage[in]
			s.Instead = append(s.Instead, out)
			lineage[in] = s
		}
		a, err := layermatch.Align(teacher, student, layermatch.Options{Lineage: lineage})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, p := range a.Chosen() {
			got[p.Teacher.Name] = fmt.Sprint(p.Student.Name, " ", p.Lineage)
		}
		for _, last := range []string{"/5/Relu_1_output_0", "/8/Relu_1_output_0", "/11/Relu_1_output_0"} {
			want := last
			if stands[last] != "" {
				want = stands[last]
			}
			if got[last] != want+" agrees" {
				t.Errorf("without blocks %07b: %s teaches %q, want %s", set, last, got[last], want)
			}
		}
		if len(got) != 3 {
			t.Errorf("without blocks %07b: chosen are %v", set, got)
		}
	}
}

package layermatch_test

import (
	"strings"
	"testing"

	"github.com/ildc/ildc/layermatch"
)

// handPairs says which values of vnn21_cifar10_resnet_4b (teacher) and vnn21_cifar10_resnet_2b (student) correspond,
// written down by hand from the two graphs, before the matcher had run on them (the name of linear1's Relu, 53, was
// first misread as that of its Gemm, 52). Both nets have a 3×3 stem at 16×16, a strided block
// with a projection and a plain block at 8×8, and two Gemms; the teacher has two more blocks at 4×4, which correspond
// to nothing.
var handPairs = []struct{ teacher, student, what string }{
	{"28", "18", "stem, after Relu"},
	{"30", "20", "layer1.0, after the first conv and Relu"},
	{"32", "22", "layer1.0, projection shortcut"},
	{"31", "21", "layer1.0, end of the residual branch"},
	{"34", "24", "layer1.0, sum after Relu"},
	{"36", "26", "layer1.1, after the first conv and Relu"},
	{"37", "27", "layer1.1, end of the residual branch"},
	{"39", "29", "layer1.1, sum after Relu: last map at 8×8"},
	{"53", "32", "linear1, after Relu"},
}

// handPreActivations are the pre-activations of those pairs that have one.
var handPreActivations = []struct{ teacher, student string }{
	{"27", "17"}, {"29", "19"}, {"33", "23"}, {"35", "25"}, {"38", "28"}, {"52", "31"},
}

// handChosen are the pairs a person would distil from: the last value of each resolution that both nets have, and the
// hidden layer before the logits.
var handChosen = []struct{ teacher, student string }{{"28", "18"}, {"39", "29"}, {"53", "32"}}

func TestResnetPairs(t *testing.T) {
	teacher := specialise(t, importShared(t, "models/vnn21_cifar10_resnet_4b/resnet_4b.onnx"))
	student := specialise(t, importShared(t, "models/vnn21_cifar10_resnet_2b/resnet_2b.onnx"))
	a, err := layermatch.Align(teacher, student, layermatch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	paired, before, chosen := map[string]string{}, map[string]string{}, map[string]string{}
	for _, p := range a.Pairs {
		paired[p.Teacher.Name] = p.Student.Name
		if p.Teacher.PreActivation != "" {
			before[p.Teacher.PreActivation] = p.Student.PreActivation
		}
		if p.Chosen != "" {
			chosen[p.Teacher.Name] = p.Student.Name
		}
	}
	for _, want := range handPairs {
		if got := paired[want.teacher]; got != want.student {
			t.Errorf("%s: teacher's %s is paired with %q, by hand with %q", want.what, want.teacher, got, want.student)
		}
	}
	for _, want := range handPreActivations {
		if got := before[want.teacher]; got != want.student {
			t.Errorf("pre-activation %s is paired with %q, by hand with %q", want.teacher, got, want.student)
		}
	}
	for _, want := range handChosen {
		if got := chosen[want.teacher]; got != want.student {
			t.Errorf("%s is chosen with %q, by hand with %q", want.teacher, got, want.student)
		}
	}
	if len(paired) != len(handPairs) || len(before) != len(handPreActivations) || len(chosen) != len(handChosen) {
		t.Errorf("%d pairs, %d pre-activations, %d chosen; by hand %d, %d, %d", len(paired), len(before), len(chosen),
			len(handPairs), len(handPreActivations), len(handChosen))
	}
	var s strings.Builder
	if err := a.Table(&s, true); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + s.String())
}

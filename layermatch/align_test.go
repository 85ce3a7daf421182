package layermatch_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/layermatch"
)

// TestTwins aligns networks with narrower ones of the same structure, whose nodes are renamed and in another order, with the
// batch normalisation of one side folded: each candidate must find the value that it came from.
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
				a, err := layermatch.Align(teacher, student, layermatch.Options{})
				if err != nil {
					t.Fatal(err)
				}
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

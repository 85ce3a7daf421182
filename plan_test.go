package ildc_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/internal/shared"
	"github.com/ildc/ildc/layermatch"
	"github.com/ildc/ildc/models"
)

// With data, a plan is what a compression follows, whatever shrinks; and tells how alike the feature maps are, before
// training and after.
func TestPlanOnData(t *testing.T) {
	shared.Long(t)
	for _, shrink := range models.Shrinks() {
		o := digitsStudy(t).Options
		o.Train.Steps, o.Shrink, o.Budget = 1, shrink, "macs=0.7x"
		if shrink == models.Depth {
			o.Budget = "macs=0.9x" // there are few blocks
		}
		plan, err := ildc.Plan(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		done, err := ildc.Compress(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(plan.Groups, plan.Removed, plan.Student.MACs, plan.Pairs)
		want := fmt.Sprint(done.Groups, done.Removed, done.Student.MACs, done.Pairs)
		if got != want {
			t.Errorf("%s: the plan is %s, what was done %s", shrink, got, want)
		}
		if shrink == models.Depth && len(plan.Removed) == 0 {
			t.Errorf("%s: nothing was left out", shrink)
		}
		for name, m := range map[string]*layermatch.Similarity{
			"planned": plan.Similarity, "generated": done.Similarity, "trained": done.Trained,
		} {
			checkSimilarity(t, fmt.Sprint(shrink, ", ", name), m)
		}
	}
}

// checkSimilarity: every student value is much like the teacher's of its name, and the map has a row per value of the
// teacher.
func checkSimilarity(t *testing.T, name string, m *layermatch.Similarity) {
	t.Helper()
	if m == nil || len(m.Teacher) < 4 || len(m.CKA) != len(m.Teacher) {
		t.Errorf("%s: no heat map: %+v", name, m)
		return
	}
	compared := 0
	for i, teacher := range m.Teacher {
		if len(m.CKA[i]) != len(m.Student) {
			t.Errorf("%s: row %d has %d columns, want %d", name, i, len(m.CKA[i]), len(m.Student))
			return
		}
		for j, student := range m.Student {
			if m.CKA[i][j] > 1+1e-9 {
				t.Errorf("%s: %s and %s: CKA %g", name, teacher, student, m.CKA[i][j])
			}
			if teacher == student {
				compared++
				if m.CKA[i][j] < 0.5 { // of channels that were kept of it; unrelated values have about 0
					t.Errorf("%s: %s: CKA %.2f", name, teacher, m.CKA[i][j])
				}
			}
		}
	}
	if compared < 3 {
		t.Errorf("%s: only %d values are in both models", name, compared)
	}
}

func TestPlanWithoutData(t *testing.T) {
	r, err := ildc.Plan(context.Background(), ildc.Options{Teacher: ildc.File("testdata/digits/teacher.onnx")})
	if err != nil || r.Similarity != nil {
		t.Errorf("similarity %v, error %v", r.Similarity, err)
	}
}
